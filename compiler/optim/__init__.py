"""Optimisers as pairs of pure functions on trees of parameters, and what belongs to them.

```python
optimiser = compiler.optim.adamw(compiler.optim.schedules.warmup_cosine(1e-3, 100, 5_000))
state = optimiser.init(params)                              # a tree of arrays: save it, pass it through jit

# inside of the compiled training step
gradients, norm = compiler.optim.clip_grad_norm(gradients, 1.0)
params, state = optimiser.update(gradients, state, params)
```

`update` works on plain arrays too, where NumPy carries it out. The learning rate may be an argument of the training step: make the
optimiser inside of it. What is done to gradients beforehand are functions of trees, called where they are needed.
"""

from compiler.optim import schedules
from compiler.optim.adam import AdamaxState, AdamState, adam, adamax, adamw, lamb, radam
from compiler.optim.adaptive import AdadeltaState, AdagradState, RmspropState, adadelta, adagrad, rmsprop
from compiler.optim.averages import Average, AverageState, exponential_moving_average
from compiler.optim.descent import LionState, SgdState, lion, sgd
from compiler.optim.gradient_clipping import clip_grad_norm, clip_grad_value, global_norm
from compiler.optim.optimizer import Optimizer
from compiler.optim.parameter_groups import grouped

__all__ = [
    "AdadeltaState",
    "AdagradState",
    "AdamState",
    "AdamaxState",
    "Average",
    "AverageState",
    "LionState",
    "Optimizer",
    "RmspropState",
    "SgdState",
    "adadelta",
    "adagrad",
    "adam",
    "adamax",
    "adamw",
    "clip_grad_norm",
    "clip_grad_value",
    "exponential_moving_average",
    "global_norm",
    "grouped",
    "lamb",
    "lion",
    "radam",
    "rmsprop",
    "schedules",
    "sgd",
]
