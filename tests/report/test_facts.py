"""Facts: scores are found wherever the training puts them, stages are listed in order."""

from bocage.receipts import Receipt
from bocage.report.facts import STAGES, scores, stage_rows


def test_scores_are_found_and_ranked() -> None:
    figures = {
        "runs": {
            "small": {"steps": 1200, "test": {"iou": 0.7, "f1": 0.82, "scenes": {"a": {"iou": 0.1}}}},
            "large": {"iou": 0.8},
        },
        "ndvi": {"iou": 0.4, "threshold": 0.3},
        "seconds": 3,
    }
    found = scores(figures)
    assert [(score.name, score.iou, score.rival) for score in found] == [
        ("large", 0.8, False),
        ("small", 0.7, False),
        ("colour threshold (NDVI)", 0.4, True),
    ]
    assert found[1].f1 == 0.82
    assert [score.steps for score in found] == [None, 1200, None]
    assert scores({}) == []
    assert scores({"runs": {"slf": {"test": {"iou": None, "scenes": {"a": {"iou": 0.1}}}}}}) == []
    assert scores({"runs": [{"name": "slf", "test": {"iou": 0.5}}]})[0].name == "slf"


def test_stages_are_listed_also_where_they_did_not_run() -> None:
    receipts = {"map": Receipt("map", "failed", "", "", seconds=20, reason="no model"),
                "train": Receipt("train", "done", "", "", seconds=40)}  # fmt: skip
    rows = stage_rows(receipts)
    assert [row.name for row in rows] == list(STAGES)
    by_name = {row.name: row for row in rows}
    assert by_name["map"].share == 0.5
    assert by_name["map"].reason == "no model"
    assert by_name["scenes"].status == "not run"
    assert by_name["scenes"].seconds is None
