"""What was measured, for people: a table, JSON, a plot."""

import json
import os
import platform
import statistics


def machine():
    """The machine in a line."""
    model = "unknown processor"
    with open("/proc/cpuinfo", encoding="ascii") as file:
        for line in file:
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
    return f"{model}, {os.cpu_count()} cores, Linux {platform.release()}"


def median(rounds, key):
    return statistics.median(figures[key] for figures in rounds)


def ratio(result):
    """Server time per request, Headwater's over nginx's of the same round; the median of the rounds."""
    pairs = zip(result["headwater"], result["nginx"])
    return statistics.median(own["cpu_us"] / max(1e-9, other["cpu_us"]) for own, other in pairs)


def table(results, client):
    lines = [
        "| work | size | Headwater, µs CPU | nginx, µs CPU | ratio | goal | requests/s | p50, p99 |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for result in results:
        if client not in result["by_client"]:
            continue
        seen = result["by_client"][client]
        own, other = seen["headwater"], seen["nginx"]
        size = f"{result['bytes'] / 1e6:.2f} MB" if result["bytes"] >= 1e5 else f"{result['bytes'] / 1e3:.1f} KB"
        goal = result["goal"]
        goal = "–" if goal is None else goal if isinstance(goal, str) else f"≤ {goal}"
        lines.append(
            f"| {result['name']} | {size} | {median(own, 'cpu_us'):.1f} | {median(other, 'cpu_us'):.1f} "
            f"| {ratio(seen):.2f} | {goal} | {median(own, 'per_second'):.0f} "
            f"| {median(own, 'p50_us') / 1000:.2f}, {median(own, 'p99_us') / 1000:.2f} ms |")
    return "\n".join(lines)


def plot(results, client):
    """Bars: server time per request relative to nginx, as SVG."""
    rows = [(r["name"], ratio(r["by_client"][client]), r["goal"]) for r in results if client in r["by_client"]]
    height, scale = 22 * len(rows) + 30, 180
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="760" height="{height}" font-family="sans-serif" '
           f'font-size="12">', '<rect width="100%" height="100%" fill="white"/>']
    for index, (name, value, goal) in enumerate(rows):
        y = 20 + 22 * index
        out.append(f'<text x="230" y="{y + 12}" text-anchor="end">{name}</text>')
        out.append(f'<rect x="240" y="{y}" width="{min(value, 2.5) * scale:.0f}" height="16" fill="#3572a5"/>')
        out.append(f'<text x="{246 + min(value, 2.5) * scale:.0f}" y="{y + 12}">{value:.2f}</text>')
        if isinstance(goal, float):
            x = 240 + goal * scale
            out.append(f'<line x1="{x:.0f}" x2="{x:.0f}" y1="{y - 2}" y2="{y + 18}" stroke="#c33" stroke-width="2"/>')
    x = 240 + scale
    out.append(f'<line x1="{x}" x2="{x}" y1="14" y2="{height - 8}" stroke="#888" stroke-dasharray="4"/>')
    out.append(f'<text x="{x}" y="11" text-anchor="middle" fill="#666">nginx</text></svg>')
    return "\n".join(out) + "\n"


def save(path, data):
    with open(path, "w", encoding="utf-8") as file:
        json.dump(data, file, indent=1)
