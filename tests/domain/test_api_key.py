"""API keys: their form, their checksum and what they allow."""

import hashlib
import hmac
import string
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postpaid.domain.api_key import (
    PUBLIC,
    ApiKey,
    KeyPair,
    KeyScope,
    ShownKey,
    key_text,
    read_key,
    secret_digest,
    usage_url_token,
)
from tests.support.samples import SCOPE, at

KEY_ID = "0123456789abcdef"
SECRET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefg"
LIVE = key_text(test=False, key_id=KEY_ID, secret=SECRET)
TEST = key_text(test=True, key_id=KEY_ID, secret=SECRET)
DIGEST = "71d84b1859bad11abcb3dfd9353c8d1873aafd883ffaf6f2c9df7cbcfc3e1850"

_key_ids = st.text(string.digits + string.ascii_lowercase, min_size=16, max_size=16)
_secrets = st.text(string.digits + string.ascii_letters, min_size=43, max_size=43)


def _stored(*scopes: KeyScope) -> ApiKey:
    return ApiKey(
        id=KEY_ID,
        scope=SCOPE,
        test=False,
        digest=secret_digest(SECRET),
        scopes=frozenset(scopes),
        label="the switch",
        created_at=at("2026-10-01"),
    )


def test_a_key_is_read_back_without_its_secret() -> None:
    assert read_key(LIVE) == ShownKey(KEY_ID, test=False, digest=DIGEST)
    assert read_key(TEST) == ShownKey(KEY_ID, test=True, digest=DIGEST)
    assert SECRET not in repr(read_key(LIVE))


def test_the_form_of_a_key_never_changes() -> None:
    # Clients keep keys, and secret scanners look for them.
    assert f"pp_live_{KEY_ID}_{SECRET}_7aac1917" == LIVE
    assert f"pp_test_{KEY_ID}_{SECRET}_f3fd5c67" == TEST


@given(st.booleans(), _key_ids, _secrets)
def test_every_key_we_make_can_be_read(test: bool, key_id: str, secret: str) -> None:
    shown = read_key(key_text(test=test, key_id=key_id, secret=secret))

    assert shown == ShownKey(key_id, test, secret_digest(secret))


@pytest.mark.parametrize("place", range(len(LIVE)))
def test_a_change_of_any_character_is_found(place: int) -> None:
    others = set(map(chr, range(0x20, 0x7F))) | {"\n", "\x00", "\u0430", "\uff11", "\ud800"}

    for other in others - {LIVE[place]}:
        assert read_key(LIVE[:place] + other + LIVE[place + 1 :]) is None


def test_a_character_too_few_or_too_many_is_found() -> None:
    for place in range(len(LIVE)):
        assert read_key(LIVE[:place] + LIVE[place + 1 :]) is None
        assert read_key(LIVE[:place]) is None
        for extra in "0aA_ \n":
            assert read_key(LIVE[:place] + extra + LIVE[place:]) is None


def test_two_characters_swapped_are_found() -> None:
    for place in range(len(LIVE) - 1):
        swapped = LIVE[:place] + LIVE[place + 1] + LIVE[place] + LIVE[place + 2 :]
        assert swapped == LIVE or read_key(swapped) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "pp",
        "pp_live_",
        f"{LIVE}\n",
        f"{LIVE} ",
        f" {LIVE}",
        f"{LIVE}{LIVE}",
        f"{LIVE},{LIVE}",
        LIVE.upper(),
        LIVE.replace("_", "-"),
        LIVE.replace("live", "test"),
        TEST.replace("test", "live"),
        LIVE.replace("live", "prod"),
        f"pp_live_{KEY_ID}_{SECRET}_",
        f"pp_live_{KEY_ID}__",
        "\u00e9" * 80,
        "x" * 1_000_000,
    ],
    ids=lambda text: ascii(text)[:40],
)
def test_what_is_no_key_is_not_read(text: str) -> None:
    assert read_key(text) is None


@given(st.text(max_size=120))
def test_reading_a_key_never_fails(text: str) -> None:
    assert read_key(text) is None


@pytest.mark.parametrize(
    ("key_id", "secret"),
    [
        ("short", SECRET),
        (KEY_ID.upper(), SECRET),
        (KEY_ID, SECRET[:-1]),
        (KEY_ID, SECRET + "0"),
        (KEY_ID, "_" * 43),
        (KEY_ID, "\u00e9" * 43),
    ],
)
def test_a_key_that_could_not_be_read_is_not_made(key_id: str, secret: str) -> None:
    with pytest.raises(AssertionError):
        key_text(test=False, key_id=key_id, secret=secret)


@pytest.mark.parametrize("needed", KeyScope)
@pytest.mark.parametrize("granted", KeyScope)
def test_a_scope_allows_itself_and_admin_allows_all(granted: KeyScope, needed: KeyScope) -> None:
    assert _stored(granted).allows(needed) == (granted in {needed, KeyScope.ADMIN})


def test_a_key_allows_each_of_its_scopes_and_no_other() -> None:
    key = _stored(KeyScope.USAGE_WRITE, KeyScope.USAGE_READ)

    assert [scope for scope in KeyScope if key.allows(scope)] == [
        KeyScope.USAGE_WRITE,
        KeyScope.USAGE_READ,
    ]
    assert not any(_stored().allows(scope) for scope in KeyScope)


def test_a_shown_key_matches_its_own_secret_and_mode_until_it_is_revoked() -> None:
    key = _stored(KeyScope.READ)
    shown = ShownKey(KEY_ID, test=False, digest=secret_digest(SECRET))

    assert key.matches(shown)
    assert not key.matches(replace(shown, digest=secret_digest(SECRET[::-1])))
    assert not key.matches(replace(shown, digest=""))
    assert not key.matches(replace(shown, digest="\u00e9"))
    assert not key.matches(replace(shown, test=True))
    assert not replace(key, test=True).matches(shown)
    assert replace(key, test=True).matches(replace(shown, test=True))
    assert not replace(key, revoked_at=at("2026-10-02")).matches(shown)


# --- what usage URLs know a site by

WORDS = "security_token:usage_url"


def test_a_site_s_token_is_made_of_its_secret_and_words_that_no_key_s_id_can_be() -> None:
    made = hmac.new(SECRET.encode(), WORDS.encode(), hashlib.sha256).hexdigest()

    assert usage_url_token(SECRET) == made[:32] == "625ca0b0a3f1fa76d92bc4bcd023fb8c"
    assert usage_url_token(SECRET[::-1]) != usage_url_token(SECRET)
    assert PUBLIC.fullmatch(WORDS) is None


def test_the_token_is_the_private_part_of_no_key() -> None:
    token = usage_url_token(SECRET)

    for key_id in (KEY_ID, WORDS.replace("_", "")[:16].replace(":", "0"), "0" * 16, "z" * 16):
        assert PUBLIC.fullmatch(key_id), "it could be a key's"
        assert KeyPair.of(replace(_stored(), id=key_id), SECRET).private != token
