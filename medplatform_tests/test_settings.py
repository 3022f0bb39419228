"""What a person reads who mistypes a setting."""

from pathlib import Path

import pytest

from medplatform.settings import SettingsError, get_settings


@pytest.mark.parametrize("name", ["EHR_PROFILES", "BULK_ALLOWED_HOSTS"])
def test_a_list_that_is_no_json_is_one_clear_line(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(f"MEDPLATFORM_{name}", "/tmp/profiles")
    get_settings.cache_clear()
    with pytest.raises(SettingsError, match=rf'"{name.lower()}".*JSON, such as') as caught:
        get_settings()
    assert "\n" not in str(caught.value)
    get_settings.cache_clear()
