"""How results of matrix operations are compared that are unique up to signs of vectors only."""

import numpy as np


def of_eigenvalues(w, v):
    """Sums over eigenvalues in any order, the matrix, and the lengths of the vectors."""
    with np.errstate(all="ignore"):
        return w.sum(-1), (w * w).sum(-1), v * w[..., np.newaxis, :] @ np.linalg.inv(v), np.linalg.norm(v, axis=-2)


def adjoint(x):
    return np.swapaxes(x, -1, -2).conj()


UP_TO_PHASES = {
    "dlc.eig": lambda *parts: of_eigenvalues(parts[0] + 1j * parts[1], parts[2] + 1j * parts[3]),
    "dlc.eigh": lambda w, v: (w, v * w[..., np.newaxis, :] @ adjoint(v), adjoint(v) @ v),
    "dlc.qr": lambda q, r: (q @ r, adjoint(q) @ q, r),
    "dlc.svd": lambda u, s, vh: (
        s,
        u[..., :, : s.shape[-1]] * s[..., np.newaxis, :] @ vh[..., : s.shape[-1], :],
        adjoint(u) @ u,
        vh @ adjoint(vh),
    ),
}
"""What is compared of results that are unique up to signs, or phases, of vectors: it tells whether they are right."""
