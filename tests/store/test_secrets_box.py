"""Provisioned passwords are sealed with a key from the environment, which can be changed without a gap."""

import pytest

from bridge.services.secrets import SecretsBox, Unsealable


def test_what_was_sealed_is_not_readable_and_opens_again():
    box = SecretsBox("a long key")
    sealed = box.seal(b"S3cret!")
    assert b"S3cret" not in sealed
    assert box.open(sealed) == b"S3cret!"


def test_after_a_change_of_keys_the_old_seal_still_opens():
    sealed = SecretsBox("old").seal(b"S3cret!")
    assert SecretsBox("new,old").open(sealed) == b"S3cret!"


def test_another_key_opens_nothing_and_says_what_to_do():
    with pytest.raises(Unsealable, match="add the old key after the new one"):
        SecretsBox("new").open(SecretsBox("old").seal(b"S3cret!"))
