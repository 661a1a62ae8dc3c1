"""All workloads, by group."""

from elementwise import elementwise_workloads
from loops import loop_workloads
from networks import network_workloads
from numerics import numeric_workloads
from products import product_workloads
from rows import row_workloads
from transformer_models import transformer_workloads
from workload import Workload

GROUPS = {
    "elementwise": elementwise_workloads,
    "rows": row_workloads,
    "products": product_workloads,
    "networks": network_workloads,
    "transformers": transformer_workloads,
    "numerics": numeric_workloads,
    "loops": loop_workloads,
}


def all_workloads() -> dict[str, Workload]:
    """By name, in the order of the table."""
    return {workload.name: workload for make in GROUPS.values() for workload in make()}
