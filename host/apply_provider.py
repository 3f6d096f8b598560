"""What most dynamic resources have in common: to create and to update is the same act."""

from __future__ import annotations

from typing import ClassVar

from pulumi.dynamic import CreateResult, DiffResult, UpdateResult

from host.provider import Props, Provider


class ApplyProvider(Provider):
    """Create, diff and update of a resource that `apply` brings to what its properties say.

    The state names the classes derived from this one, and never this one.
    """

    named_after: ClassVar[str]
    """The property that becomes the resource's id."""
    compared: ClassVar[tuple[str, ...]]
    """The properties whose change is a change of the resource."""

    def apply(self, props: Props) -> None:
        """Do it, or raise EngineError."""
        raise NotImplementedError

    def changed(self, olds: Props, news: Props) -> bool:
        """Whether any property differs that makes a difference."""
        return any(olds.get(key) != news.get(key) for key in self.compared)

    def diff(self, _id: str, olds: Props, news: Props) -> DiffResult:
        return DiffResult(changes=self.changed(olds, news))

    def create(self, props: Props) -> CreateResult:
        self.apply(props)
        return CreateResult(props[self.named_after], outs=props)

    def update(self, _id: str, _olds: Props, news: Props) -> UpdateResult:
        self.apply(news)
        return UpdateResult(outs=news)
