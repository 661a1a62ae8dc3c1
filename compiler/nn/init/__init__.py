"""Initial parameters: schemes under the names of `torch.nn.init`, and the parameters of whole layers under the layers' names.

Random numbers come from a key of `compiler.random`; use another key for each call. Parameters of a layer are a dict with the
names of PyTorch's `state_dict`, to be passed on as keyword arguments:

```python
keys = random.split(random.key(0), 2)
params = {"hidden": nn.init.linear(keys[0], 784, 128), "out": nn.init.linear(keys[1], 128, 10)}
logits = nn.linear(nn.relu(nn.linear(x, **params["hidden"])), **params["out"])
```

The dtype is float32 unless `dtype` says otherwise.
"""

from compiler.nn.init.attention import multi_head_attention
from compiler.nn.init.convolution import conv, conv_transpose
from compiler.nn.init.layers import (
    batch_norm,
    batch_norm_statistics,
    bilinear,
    embedding,
    group_norm,
    layer_norm,
    linear,
    prelu,
    rms_norm,
)
from compiler.nn.init.recurrent import gru, lstm, rnn
from compiler.nn.init.schemes import (
    calculate_gain,
    constant,
    dirac,
    eye,
    kaiming_normal,
    kaiming_uniform,
    normal,
    ones,
    orthogonal,
    sparse,
    trunc_normal,
    uniform,
    xavier_normal,
    xavier_uniform,
    zeros,
)

__all__ = [
    "batch_norm",
    "batch_norm_statistics",
    "bilinear",
    "calculate_gain",
    "constant",
    "conv",
    "conv_transpose",
    "dirac",
    "embedding",
    "eye",
    "group_norm",
    "gru",
    "kaiming_normal",
    "kaiming_uniform",
    "layer_norm",
    "linear",
    "lstm",
    "multi_head_attention",
    "normal",
    "ones",
    "orthogonal",
    "prelu",
    "rms_norm",
    "rnn",
    "sparse",
    "trunc_normal",
    "uniform",
    "xavier_normal",
    "xavier_uniform",
    "zeros",
]
