"""Options that say what a key shall be; both `keys create` and `keys edit` take them."""

from typing import Annotated

import typer

LIMITS, LIFE, OWNER = "Where it may be used", "Life and rotation", "Owner and labels"

Named = Annotated[
    str, typer.Argument(metavar="KEY", help="Its id (key_…), or its name when only one has it.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Yes = Annotated[bool, typer.Option("--yes", help="Don't ask; for scripts.")]

Description = Annotated[str | None, typer.Option(help="More about it; empty takes it away.")]
PresetName = Annotated[str | None, typer.Option(help="`development`, `production`, `read-only` or `admin`.")]
Permissions = Annotated[
    list[str] | None,
    typer.Option(
        "--permission", help="Instead of a preset: `read`, `write`, `admin`, `webhook`; repeatable."
    ),
]

Models = Annotated[
    list[str] | None,
    typer.Option(
        "--model",
        metavar="PATTERN",
        help="Only these models: a name or `gpt-*`; repeatable, `none` lifts the restriction.",
        rich_help_panel=LIMITS,
    ),
]
Endpoints = Annotated[
    list[str] | None,
    typer.Option(
        "--endpoint",
        metavar="PATTERN",
        help="Only these paths: `/v1/images/*`; repeatable, `none` lifts the restriction.",
        rich_help_panel=LIMITS,
    ),
]
Networks = Annotated[
    list[str] | None,
    typer.Option(
        "--ip",
        metavar="NETWORK",
        help="Only from these addresses: `203.0.113.0/24`; repeatable, `none` lifts the restriction.",
        rich_help_panel=LIMITS,
    ),
]
Origins = Annotated[
    list[str] | None,
    typer.Option(
        "--origin",
        metavar="ORIGIN",
        help="Only from pages of these origins: `https://app.example.com`; repeatable, `none` lifts the restriction.",
        rich_help_panel=LIMITS,
    ),
]
Locations = Annotated[
    list[str] | None,
    typer.Option(
        "--location",
        metavar="PLACE",
        help="Only presented there: `header`, `query`, `body`; repeatable, `none` leaves it to the project.",
        rich_help_panel=LIMITS,
    ),
]

Expires = Annotated[
    str | None,
    typer.Option(
        "--expires",
        metavar="WHEN",
        help="When it stops working: 90d, 12h, an RFC 3339 date, or `never`.",
        rich_help_panel=LIFE,
    ),
]
NotBefore = Annotated[
    str | None,
    typer.Option(
        "--not-before",
        metavar="WHEN",
        help="When it begins to work: 2d, an RFC 3339 date, or `none`.",
        rich_help_panel=LIFE,
    ),
]
RotateEvery = Annotated[
    str | None,
    typer.Option(
        "--rotate-every",
        metavar="SPAN",
        help="How often it gets a new secret: 90d, or `never`.",
        rich_help_panel=LIFE,
    ),
]
Overlap = Annotated[
    str | None,
    typer.Option(
        "--overlap",
        metavar="SPAN",
        help="How long the old secret lives on after the first use of the new one: 7d, 12h, 0h.",
        rich_help_panel=LIFE,
    ),
]
SelfRotation = Annotated[
    bool | None,
    typer.Option(
        "--self-rotation/--no-self-rotation", help="Whoever holds it may rotate it.", rich_help_panel=LIFE
    ),
]
SealingKey = Annotated[
    str | None,
    typer.Option(
        "--sealing-key",
        metavar="BASE64",
        help="An X25519 public key that new secrets are sealed to; `none` takes it away.",
        rich_help_panel=LIFE,
    ),
]
Sink = Annotated[
    str | None,
    typer.Option(
        "--sink",
        metavar="PATH",
        help="A file on the node that new secrets are written to; `none` takes it away.",
        rich_help_panel=LIFE,
    ),
]
Recoverable = Annotated[
    bool | None,
    typer.Option(
        "--recoverable/--no-recoverable",
        help="Its secret is kept, sealed, so that it can be shown again.",
        rich_help_panel=LIFE,
    ),
]
DeleteProtected = Annotated[
    bool | None,
    typer.Option(
        "--delete-protected/--no-delete-protected",
        help="It can't be deleted until this is taken away.",
        rich_help_panel=LIFE,
    ),
]

EnvironmentName = Annotated[
    str | None,
    typer.Option(
        "--environment", help="Where it is used: `staging`; `none` takes it away.", rich_help_panel=OWNER
    ),
]
Tags = Annotated[
    list[str] | None,
    typer.Option(
        "--tag", help="A word to find it by; repeatable, `none` takes all away.", rich_help_panel=OWNER
    ),
]
Metadata = Annotated[
    list[str] | None,
    typer.Option(
        "--metadata",
        metavar="NAME=VALUE",
        help="What else is to be known of it; repeatable, takes the place of what was there; `none` takes all away.",
        rich_help_panel=OWNER,
    ),
]
