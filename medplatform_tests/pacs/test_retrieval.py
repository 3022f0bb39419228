"""What a delivery of images is called."""

from medplatform.modalities.delivery import check_name
from medplatform.pacs.retrieval import new_name


def test_names_sort_by_time_whatever_brought_the_images() -> None:
    names = [new_name(source) for source in ("received", "dicomweb", "c-move", "c-get")]
    assert names == sorted(names)
    for name in names:
        check_name("imaging", name)
