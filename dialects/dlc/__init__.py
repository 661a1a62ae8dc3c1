"""The tensor dialect: `dialect.Dlc` lists its operations; each family of operations is one module."""
