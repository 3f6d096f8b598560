"""Labels of what a stack has on its host. Plain data, which commands read without Pulumi's SDKs."""

from __future__ import annotations


def plain_labels(stack: str, component: str) -> dict[str, str]:
    """Labels of a component of a stack (`homeport/local`) that never change."""
    return {"homeport.stack": stack, "homeport.component": component}
