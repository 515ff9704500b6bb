"""What every section of the settings is: strict, frozen, complete, and closed to unknown keys.

The models have no defaults. The default of every key is written once, in
``config/unified_loop.yaml``, which is also the manual.
"""

from __future__ import annotations

from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from ringrift.settings.problems import bad_input


class Section(BaseModel):
    """One section of the settings."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", ser_json_inf_nan="strings")

    def replace(self, **changes: Any) -> Self:
        """Return a copy with some keys changed, checked again. Raises BadInput."""
        try:
            return type(self).model_validate({**self.model_dump(), **changes})
        except ValidationError as error:
            raise bad_input(type(self), error, lambda _: "changed settings") from None
