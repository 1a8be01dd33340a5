"""What a key has, as both requests and answers of the management API hold it."""

from typing import Annotated

from msgspec import Meta

from keyturn.domain.labels import DESCRIPTION_LENGTH, NAME_LENGTH
from keyturn.services.key_checks import (
    LIST_LENGTH,
    LONGEST_OVERLAP_HOURS,
    LONGEST_ROTATION_DAYS,
    METADATA_NAME_LENGTH,
    METADATA_VALUE_LENGTH,
    MOST_METADATA,
    MOST_TAGS,
)

Name = Annotated[
    str, Meta(description=f"1 to {NAME_LENGTH} characters; what it is for.", examples=["billing service"])
]
Description = Annotated[str, Meta(description=f"Up to {DESCRIPTION_LENGTH} characters.")]
Environment = Annotated[
    str, Meta(description="One word for where it is used, or empty.", examples=["production"])
]
Models = Annotated[
    list[str],
    Meta(
        description=f"The only models it may use; `*` stands for any characters. Up to {LIST_LENGTH}; empty: all.",
        examples=[["gpt-*", "claude-sonnet-5"]],
    ),
]
Endpoints = Annotated[
    list[str],
    Meta(description="The only paths it may call; empty: all.", examples=[["/v1/chat/*", "/v1/embeddings"]]),
]
Networks = Annotated[
    list[str],
    Meta(
        description="The only addresses it may be used from, as addresses or CIDR networks; empty: all.",
        examples=[["203.0.113.0/24", "2001:db8::/32"]],
    ),
]
Origins = Annotated[
    list[str],
    Meta(
        description="The only origins of browser pages it may be used from; `*.` stands for one label; empty: all.",
        examples=[["https://app.example.com", "https://*.example.com"]],
    ),
]
Locations = Annotated[
    list[str] | None,
    Meta(
        description="Where it may be presented: `header`, `query`, `body`; null: as its project says.",
        examples=[["header"]],
    ),
]
Tags = Annotated[list[str], Meta(description=f"Up to {MOST_TAGS} words.", examples=[["team-a", "billing"]])]
Metadata = Annotated[
    dict[str, str],
    Meta(
        description=f"Up to {MOST_METADATA} names of up to {METADATA_NAME_LENGTH} characters with values "
        f"of up to {METADATA_VALUE_LENGTH}.",
        examples=[{"ticket": "OPS-1234"}],
    ),
]
EveryDays = Annotated[
    int | None,
    Meta(
        description=f"It gets a new secret so often, 1 to {LONGEST_ROTATION_DAYS} days; null: only when asked.",
        examples=[90],
    ),
]
OverlapHours = Annotated[
    int,
    Meta(
        description="How long the old secret lives on after the first use of the new one; "
        f"0 to {LONGEST_OVERLAP_HOURS}.",
        examples=[168],
    ),
]
SelfRotation = Annotated[bool, Meta(description="Whoever holds it may rotate it: `POST /api/v1/key/rotate`.")]
SealingKey = Annotated[
    str | None,
    Meta(
        description="An X25519 public key, 32 bytes in base64: new secrets are given out sealed to it only.",
        examples=["hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo="],
    ),
]
Sink = Annotated[
    str | None,
    Meta(
        description="The absolute path of a file on the node that new secrets are written to; "
        "only for who reaches the whole node.",
        examples=["/etc/billing/keyturn.env"],
    ),
]
Recoverable = Annotated[
    bool, Meta(description="Its secret is kept, sealed, and can be shown again to who confirms who they are.")
]
DeleteProtected = Annotated[bool, Meta(description="It can't be deleted until this is taken away.")]
Decoy = Annotated[
    bool, Meta(description="Nobody should ever use it: it is laid out for thieves, and its use is an alarm.")
]
