"""Pages of a node that does not keep sums by the minute for long."""

from fakes.control_process import ControlProcess
from fakes.people import first_owner


def test_models_are_shown_where_the_hours_of_a_time_zone_are_not_kept(fresh: ControlProcess) -> None:
    """Days of Kolkata are made of minutes; where there are none any more, there are the days of UTC."""
    owner = first_owner(fresh)
    account = fresh.operator.get("/api/v1/accounts").json()["data"][0]["id"]
    fresh.operator.patch(f"/api/v1/accounts/{account}", json={"time_zone": "Asia/Kolkata"})
    kept = fresh.operator.patch("/api/v1/settings", json={"usage.minutes_kept_days": 1})

    page = owner.page("/dashboard/models")

    assert (kept.status_code, page.status_code) == (200, 200)
    assert fresh.operator.get(f"/api/v1/accounts/{account}").json()["data"]["time_zone"] == "Asia/Kolkata"
