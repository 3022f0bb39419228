"""The one error of this package: what is wrong with a view, and where in it."""

_MARK = "view error: "


class ViewError(ValueError):
    """A ViewDefinition is invalid, or the data do not fit what it declares.

    Parameters
    ----------
    element
        Path of the faulty element within the view, such as `select[0].column[1].path`.
    reason
        What is wrong and what would be right. Never a value of a resource.
    """

    def __init__(self, element: str, reason: str) -> None:
        super().__init__(f"{element}: {reason}" if element else reason)
        self.element = element
        self.reason = reason


def raised_in_sql(element: str, reason: str) -> str:
    """An SQL expression that ends the statement with a `ViewError`."""
    message = f"{_MARK}{element}: {reason}".replace("'", "''")
    return f"error('{message}')"


def from_sql(message: str) -> ViewError | None:
    """The error that `raised_in_sql` raised, from the message of DuckDB."""
    _, mark, own = message.partition(_MARK)
    element, _, reason = own.partition(": ")
    return ViewError(element, reason) if mark else None
