"""The commands about plans."""

import pytest

from fakes.management_api import ManagementApi
from unit.cli.conftest import Run

PATH = "/api/v1/plans"
PRO = {
    "id": "plan_1",
    "name": "Pro",
    "description": "",
    "tier": 2,
    "prepaid": True,
    "trial_usd": "5",
    "trial_days": 14,
    "monthly_usd": "20",
    "limits": [],
    "metadata": {"sku": "1"},
    "accounts": 1200,
    "created_at": "2026-01-01T00:00:00Z",
    "version": 1,
}


def test_a_plan_is_created(keyturn: Run, node: ManagementApi) -> None:
    """Only what was said is sent."""
    node.data("POST", PATH, PRO)

    ran = keyturn(
        "plans", "create", "Pro", "--prepaid", "--trial", "5", "--trial-days", "14", "--monthly", "20"
    )

    assert "$5.00 for 14 days" in ran.out
    assert node.asked[0].body == {
        "name": "Pro",
        "prepaid": True,
        "trial_usd": "5",
        "trial_days": 14,
        "monthly_usd": "20",
        "metadata": {},
    }


def test_a_plan_is_changed(keyturn: Run, node: ManagementApi) -> None:
    """Zero days take the end of the trial away."""
    node.data("PATCH", f"{PATH}/Pro", PRO)

    keyturn("plans", "edit", "Pro", "--trial-days", "0", "--no-prepaid", "--name", "Max", "--tier", "3")

    assert node.asked[0].body == {"trial_days": None, "prepaid": False, "name": "Max", "tier": 3}


def test_a_change_of_nothing_is_refused(keyturn: Run, node: ManagementApi) -> None:
    """Before anything is sent."""
    ran = keyturn("plans", "edit", "Pro")

    assert ran.status == 1
    assert node.asked == []


def test_plans_are_listed(keyturn: Run, node: ManagementApi) -> None:
    """What each costs and who has it."""
    node.data("GET", f"{PATH}?search=p&limit=100", [PRO])

    ran = keyturn("plans", "list", "--search", "p")

    assert "$20.00" in ran.out
    assert "1,200" in ran.out


def test_a_plan_is_deleted_by_whoever_types_its_name(keyturn: Run, node: ManagementApi) -> None:
    """It can't be undone."""
    node.data("GET", f"{PATH}/Pro", PRO)
    node.data("DELETE", f"{PATH}/Pro", PRO)

    wrong = keyturn("plans", "delete", "Pro", typed="Max\n")
    right = keyturn("plans", "delete", "Pro", typed="Pro\n")

    assert (wrong.status, right.status) == (1, 0)
    assert "Deleted Pro (plan_1)" in right.out


@pytest.mark.parametrize(
    ("arguments", "method", "path"),
    [
        (("create", "Pro"), "POST", PATH),
        (("show", "Pro"), "GET", f"{PATH}/Pro"),
        (("edit", "Pro", "--tier", "1"), "PATCH", f"{PATH}/Pro"),
        (("delete", "Pro", "--yes"), "DELETE", f"{PATH}/Pro"),
    ],
)
def test_json_is_the_nodes_own(
    keyturn: Run, node: ManagementApi, arguments: tuple[str, ...], method: str, path: str
) -> None:
    """Scripts read this."""
    node.data(method, path, PRO)

    assert '"trial_days": 14' in keyturn("plans", *arguments, "--json").out


def test_json_of_a_list_is_a_list(keyturn: Run, node: ManagementApi) -> None:
    """Scripts read this."""
    node.data("GET", f"{PATH}?limit=100", [PRO])

    assert keyturn("plans", "list", "--json").out.startswith("[")
