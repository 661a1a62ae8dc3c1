"""`dlc-opt`: read IR, run passes, print IR."""

from collections.abc import Sequence

from xdsl.xdsl_opt_main import xDSLOptMain

from compiler.universe import DLC_UNIVERSE


class DlcOptMain(xDSLOptMain):
    """`xdsl-opt` with our dialects and passes, also where the package is not installed."""

    def register_all_dialects(self) -> None:
        """Register upstream's dialects, then ours."""
        super().register_all_dialects()
        known = self.ctx.registered_dialect_names
        for name, factory in DLC_UNIVERSE.all_dialects.items():
            if name not in known:
                self.ctx.register_dialect(name, factory)

    def register_all_passes(self) -> None:
        """Register upstream's passes, then ours."""
        super().register_all_passes()
        self.available_passes.update(DLC_UNIVERSE.all_passes)


def main(args: Sequence[str] | None = None) -> None:
    """Run the command line."""
    DlcOptMain(description="dlc-opt", args=args).run()


if __name__ == "__main__":
    main()
