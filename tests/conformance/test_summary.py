#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""summary.py on made-up results: what counts as worse, and what as unsteady."""
import json
import os
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import summary


def results(directory, folder, tests):
    os.makedirs(os.path.join(directory, folder))
    made = {}
    for name, result in tests.items():
        subtests = result if isinstance(result, dict) else {}
        made[name] = {"result": "pass" if subtests else result,
                      "subtests": dict(subtests, __type__="Subtests")}
    with open(os.path.join(directory, folder, "results.json"), "w", encoding="utf-8") as file:
        json.dump({"tests": made}, file)


class Summary(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def summarise(self, **ways):
        for folder, tests in ways.items():
            results(self.folder.name, folder.replace("_", "-"), tests)
        return summary.summarise(summary.read(self.folder.name))

    def names(self, entries):
        return [e["test"] for e in entries]

    def test_worse_is_worse(self):
        s = self.summarise(native_x={"a": "pass", "b": "pass"}, peer_x={"a": "pass", "b": "fail"},
                           ours_x={"a": "crash", "b": "fail"})
        self.assertEqual(self.names(s["worse_than_peer"]), ["a"])
        self.assertEqual(self.names(s["worse_than_native"]), ["a", "b"])
        self.assertEqual((s["ours"]["total"], s["ours"]["crash"], s["peer"]["pass"]), (2, 1, 1))

    def test_not_every_time_is_unsteady(self):
        s = self.summarise(peer_x={"a": "pass"}, ours_x={"a": "fail"}, peer_x_again1={"a": "pass"},
                           ours_x_again1={"a": "pass"})
        self.assertEqual(self.names(s["worse_than_peer"]), [])
        self.assertEqual(self.names(s["unsteady"]), ["a"])

    def test_every_time_is_worse(self):
        s = self.summarise(peer_x={"a": "pass"}, ours_x={"a": "fail"}, peer_x_again1={"a": "pass"},
                           ours_x_again1={"a": "crash"})
        self.assertEqual(self.names(s["worse_than_peer"]), ["a"])

    def test_parts_of_a_test(self):
        s = self.summarise(peer_x={"a": {"1": "pass", "2": "fail"}}, ours_x={"a": {"1": "pass", "2": "pass"}})
        self.assertEqual(self.names(s["better_than_peer"]), ["a@2"])
        self.assertEqual(s["ours"], {"total": 2, "pass": 2})

    def test_what_is_missing_is_worse(self):
        s = self.summarise(peer_x={"a": {"1": "pass"}}, ours_x={"a": "skip"})
        self.assertEqual(self.names(s["worse_than_peer"]), ["a@1"])

    def test_the_last_that_it_said(self):
        self.summarise(ours_x={"a": "fail"})
        os.makedirs(os.path.join(self.folder.name, "ours-x-again1"))
        with open(os.path.join(self.folder.name, "ours-x-again1", "results.json"), "w", encoding="utf-8") as file:
            json.dump({"tests": {"a": {"result": "crash", "returncode": -11, "out": "1\n" * 20, "err": "last\n"}}}, file)
        lines = summary.said(self.folder.name, "x", "a@1")
        self.assertEqual((lines[0], lines[-1], len(lines)), ("crash, exit status -11", "last", 13))

    def again(self, profile):
        self.summarise(peer_x={"a@b": {"1": "pass", "2": "pass"}}, ours_x={"a@b": {"1": "fail", "2": "pass"}})
        with open(os.path.join(self.folder.name, "x.profile"), "w", encoding="utf-8") as file:
            file.write(profile + " surfaceless_egl\n")
        summary.write_worse(self.folder.name, summary.read(self.folder.name))
        with open(os.path.join(self.folder.name, "worse-x"), encoding="utf-8") as file:
            return file.read()

    def test_what_is_run_again(self):
        self.assertEqual(self.again("quick_gl"), "a@b\n")

    def test_what_is_run_again_of_many_in_a_process(self):
        self.assertEqual(self.again("quick_shader"), "a@b@1\n")


if __name__ == "__main__":
    unittest.main()
