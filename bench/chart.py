"""A picture of figures, as Markdown shows it: a chart of Mermaid's, which git servers draw."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


def chart(title: str, unit: str, at: Sequence[int], lines: Mapping[str, Sequence[float]]) -> str:
    """A line for each row of figures, over the same numbers of sites; `title` names the lines."""
    most = max(figure for figures in lines.values() for figure in figures)
    drawn = "\n".join(f"    line [{', '.join(f'{f:g}' for f in line)}]" for line in lines.values())
    return (
        "```mermaid\n"
        "xychart-beta\n"
        f'    title "{title}: {"; ".join(lines)}"\n'
        f'    x-axis "sites" [{", ".join(map(str, at))}]\n'
        f'    y-axis "{unit}" 0 --> {most:g}\n'
        f"{drawn}\n"
        "```\n"
    )
