"""Which card records belong to, with a card that exists in name only."""

import json
from types import SimpleNamespace

import torch

from gpu.card import note_card
from gpu.records import FILE, record, recorded


def test_a_card_is_recorded_ahead_of_its_records_and_anew_after_another(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv(FILE, str(tmp_path / "new/records.jsonl"))

    def note(name):
        card = SimpleNamespace(name=name, major=9, minor=0, total_memory=140 * 2**30)
        monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: card)
        note_card.cache_clear()  # as in another process
        note_card()

    for name in ("made-up X1", "made-up X1", "made-up X2", "made-up X1"):
        note(name)
        note_card()
        record("step", seconds=1.5)
    note_card.cache_clear()
    rows = recorded()
    assert [row.get("name", "-") for row in rows] == ["made-up X1", "-", "-", "made-up X2", "-", "made-up X1", "-"]
    assert (rows[0]["capability"], rows[0]["memory_gb"], rows[0]["torch"]) == ("9.0", 140.0, torch.__version__)
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == rows  # printed, too
    with (tmp_path / "new/records.jsonl").open("a") as file:
        file.write('{"kind": "st')
    assert recorded() == rows
