"""Pages of a node that does not keep sums by the minute for long."""

import sqlite3
from contextlib import closing

from fakes.control_process import ControlProcess
from fakes.people import first_owner
from keyturn import system
from keyturn.domain.periods import DAY_S


def test_models_are_shown_where_the_minutes_of_a_time_zone_are_not_kept(fresh: ControlProcess) -> None:
    """Days of Kolkata are made of minutes; where there are none any more, there are the days of UTC."""
    owner = first_owner(fresh)
    account = fresh.operator.get("/api/v1/accounts").json()["data"][0]["id"]
    fresh.operator.patch(f"/api/v1/accounts/{account}", json={"time_zone": "Asia/Kolkata"})
    from_s = int(system.now()) // DAY_S * DAY_S
    with closing(sqlite3.connect(fresh.data.database, timeout=10)) as database, database:
        database.execute("INSERT OR REPLACE INTO usage_horizons VALUES ('minute', ?)", [from_s])

    assert owner.page("/dashboard/models").status_code == 200
