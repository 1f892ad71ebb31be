#!/usr/bin/env python3
"""Runs one file of unittest cases and writes its counts like gtest does.

run_unittest.py FILE RESULT.xml [TOOL...]: so that scripts/check counts the tests
of both languages in one way. A TOOL is the path of a program that the tests need;
where one is missing the file counts as one test skipped. A TOOL called "python"
then runs the tests.
"""

import importlib.util
import os
import pathlib
import sys
import unittest
import xml.etree.ElementTree as ElementTree


def write(root: ElementTree.Element, path: pathlib.Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    ElementTree.ElementTree(root).write(path, encoding="unicode")


def skip_all(name: str, reason: str, result_path: pathlib.Path) -> int:
    root = ElementTree.Element("testsuites", tests="1", failures="0")
    case = ElementTree.SubElement(root, "testcase", name=name)
    ElementTree.SubElement(case, "skipped", message=reason)
    write(root, result_path)
    print(f"skipped: {reason}")
    return 0


def main() -> int:
    path, result_path, *tools = [pathlib.Path(each).absolute()
                                 for each in sys.argv[1:]]
    for tool in tools:
        if not tool.exists():
            return skip_all(path.stem, f"{tool} is missing (scripts/setup --test "
                            "or --long)", result_path)
    for tool in tools:
        if tool.name == "python" and sys.prefix != str(tool.parents[1]):
            os.execv(tool, [tool, "-B", *sys.argv])
    sys.path.insert(0, str(path.parent))  # modules beside the file
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module  # where unittest looks for setUpModule
    spec.loader.exec_module(module)
    suite = unittest.defaultTestLoader.loadTestsFromModule(module)
    result = unittest.TextTestRunner(verbosity=2).run(suite)

    # A test may fail in several subtests, and counts once.
    failed = {test.id().split(" ")[0]
              for test, _ in result.failures + result.errors}
    root = ElementTree.Element(
        "testsuites", tests=str(result.testsRun), disabled="0", errors="0",
        failures=str(len(failed) + len(result.unexpectedSuccesses)))
    for name in sorted(failed):
        case = ElementTree.SubElement(root, "testcase", name=name)
        ElementTree.SubElement(case, "failure", message="see the output")
    for test, reason in result.skipped:
        case = ElementTree.SubElement(root, "testcase", name=test.id())
        ElementTree.SubElement(case, "skipped", message=reason)
    write(root, result_path)
    return 0 if result.wasSuccessful() and result.testsRun > 0 else 1


if __name__ == "__main__":
    sys.exit(main())
