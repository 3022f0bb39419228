"""What a de-identification policy of images says: which options of PS3.15 E.3 are applied.

A policy is reviewed data that can be written down as YAML or JSON. Every option that is not named
has the value that the platform's own policy gives it.
"""

import hashlib
import json
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationError,
    field_validator,
)

from medplatform.modalities.imaging.terms import MODALITIES
from medplatform.modalities.modality import Misconfigured

Terms = Annotated[frozenset[str], PlainSerializer(sorted, when_used="json-unless-none")]
"""A set that is always written down in the same order: an instance names a policy by its digest."""


_IN_WORDS = {
    "extra_forbidden": "there is no such option",
    "frozen_set_type": "is to be a list, e.g. [US, OT]",
    "model_type": "is to be a mapping of options to values",
}
"""What pydantic says in terms of Python."""


class PolicyError(Misconfigured):
    """A policy cannot be used; the message names the option and the remedy."""


class Policy(BaseModel):
    """Basic Application Level Confidentiality Profile (PS3.15 E.2), and the options on top of it.

    The defaults are the platform's own policy.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = "platform"
    description: str = ""
    dates: Annotated[
        Literal["shift", "keep", "remove"],
        Field(
            description="Longitudinal temporal information: moved by the patient's secret days "
            "(113107), kept in full (113106), or removed."
        ),
    ] = "shift"
    retain_uids: Annotated[bool, Field(description="Keep UIDs as delivered (113110).")] = False
    retain_device_identity: Annotated[
        bool, Field(description="Keep serial numbers and names of devices (113109).")
    ] = False
    retain_institution_identity: Annotated[
        bool, Field(description="Keep names and addresses of institutions (113112).")
    ] = False
    retain_patient_characteristics: Annotated[
        bool,
        Field(description="Keep sex, age (090Y for all of 90 and over), size, weight (113108)."),
    ] = True
    retain_safe_private: Annotated[
        bool, Field(description="Keep the private elements of Table E.3.10-1 (113111).")
    ] = True
    clean_descriptors: Annotated[
        bool,
        Field(
            description="Keep descriptions that consist of terms of imaging and nothing else "
            "(113105); all others go."
        ),
    ] = True
    clean_structured_content: Annotated[
        bool,
        Field(description="Keep the tree of structured reports, its texts and names cleaned."),
    ] = True
    clean_graphics: Annotated[
        bool,
        Field(description="Keep graphic annotations without their texts; overlays go (113103)."),
    ] = True
    clean_pixel_data: Annotated[
        bool,
        Field(
            description="Blank regions that are known to show text and refuse images that may "
            "show some elsewhere (113101)."
        ),
    ] = True
    recognizable_features: Annotated[
        Literal["keep", "refuse"],
        Field(
            description="What becomes of images from which a face may be made: heads in CT, MR "
            "and PET, photographs. They are never defaced here."
        ),
    ] = "keep"
    declared_clean: Annotated[
        Terms,
        Field(
            description="Modalities (0008,0060) whose images show no text, as whoever delivers "
            "them assures, such as those of a public collection."
        ),
    ] = frozenset()
    ocr: Annotated[
        Literal["off", "refuse", "blank"],
        Field(
            description="Look for words in the pixels of modalities that usually show some: refuse "
            "the image, or blank the words. Needs the extra `ocr` and Tesseract."
        ),
    ] = "off"

    @field_validator("declared_clean")
    @classmethod
    def _are_modalities(cls, value: frozenset[str]) -> frozenset[str]:
        if unknown := sorted(value - MODALITIES):
            raise ValueError(f"{', '.join(unknown)}: no modality of DICOM, e.g. CT")
        return value

    @classmethod
    def load(cls, path: Path) -> "Policy":
        """Read a policy from YAML or JSON.

        Raises
        ------
        PolicyError
            The file cannot be read, or an option of it is unknown or has no such value.
        """
        try:
            content = yaml.safe_load(path.read_text("utf-8"))
            return cls.model_validate(content)
        except ValidationError as error:
            reasons = "; ".join(
                f"{'.'.join(map(str, each['loc'])) or 'policy'}: "
                f"{_IN_WORDS.get(each['type'], each['msg'])}"
                for each in error.errors(include_url=False)
            )
            raise PolicyError(
                f"{path} holds no policy of images: {reasons}. The options are listed in "
                f"docs/dicom-deidentification.md."
            ) from None
        except OSError as error:
            raise PolicyError(f"{path} cannot be read: {error.strerror}.") from None
        except UnicodeDecodeError:
            raise PolicyError(f"{path} is no text in UTF-8.") from None
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark
            where = f"line {mark.line + 1}: " if mark else ""
            raise PolicyError(f"{path} is no YAML: {where}{error.problem}.") from None
        except yaml.YAMLError as error:
            raise PolicyError(f"{path} is no YAML: {error}.") from None

    def dump(self) -> str:
        """The policy as YAML, as `load` reads it, every option written out."""
        content = json.loads(self.model_dump_json())
        return yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=100)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of what the policy does; equal in every process and for every spelling."""
        does = self.model_dump_json(exclude={"name", "description"})
        return hashlib.sha256(does.encode()).hexdigest()

    @cached_property
    def of_lake(self) -> "Policy":
        """The policy as far as it holds for the lake, whose ids and dates are never as delivered.

        An unmoved date beside a moved one tells the patient's days in every modality; a UID as
        delivered is a key to the archive that the image came from.
        """
        dates = "shift" if self.dates == "keep" else self.dates
        return Policy(**{**self.model_dump(), "dates": dates, "retain_uids": False})

    def __hash__(self) -> int:
        return hash(self.digest)


def load_policy(path: Path | None) -> Policy:
    """The policy of an installation: that of its file, else the platform's own.

    Raises
    ------
    PolicyError
        The file holds no policy, or asks for what is not installed.
    """
    policy = Policy.load(path) if path else PLATFORM_POLICY
    if policy.ocr != "off":
        from medplatform.modalities.imaging.deidentify.words import demand_recognition

        demand_recognition()
    return policy


PLATFORM_POLICY = Policy()
"""Basic profile, with shifted dates, patient characteristics, safe private elements, and cleaned
descriptors, structured content, graphics and pixels."""
