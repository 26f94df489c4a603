"""Every option means one thing, whatever the command: the table below holds what.

`python tests/test_options.py` lists every option of every command with its help text.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from edge_edet.cli import COMMANDS, main, parser_for

# option -> its one meaning. An option that is new to a command must fit what stands here.
MEANINGS = {
    "--against": "the float model that an INT8 model is compared with",
    "--anchor-scale": "size of an anchor in strides, as the checkpoint was trained",
    "--aspect-ratios": "aspect ratios of anchors, as the checkpoint was trained",
    "--board": "a board by its ID, as 'edge-edet devices' lists them",
    "--bootstrap": "number of resamples",
    "--browser": "measure in browsers that open a page",
    "--budget": "longest time of an inference",
    "--calibration": "pictures, or their record, that INT8 ranges are measured on",
    "--calibration-images": "number of pictures that are drawn from --calibration",
    "--candidates": "number of anchors that go on to suppression",
    "--check": "a host to reach and prepare",
    "--check-data": "labelled pictures that a new model is tried on",
    "--ci-width": "relative width of the median's confidence interval",
    "--class-map": "file that maps a model's labels to categories of the data",
    "--clean": "a host to remove our files from",
    "--count": "count instructions on an emulated core",
    "--count-only": "measure nothing, build no files",
    "--count-line": "a line whose crossings are counted",
    "--data": "pictures, labelled where AP is asked for, that a model is measured on",
    "--decode": "how JPEG files are decoded",
    "--delegate": "delegate of a TensorFlow Lite runtime",
    "--delegate-option": "a KEY=VALUE for the delegate",
    "--detections": "number of detections kept of a picture",
    "--device": "processor: CPU, GPU, NPU, AUTO",
    "--draw": "folder for pictures with their boxes; for a video, its file",
    "--duration": "seconds of a video or stream after which it ends",
    "--every": "take only every N-th frame",
    "--figure": "file for the drawing of the error",
    "--fit": "how a picture is fitted into the input: letterbox or stretch",
    "--follow": "also read pictures that the data names outside of its folder",
    "--from": "address that weights are downloaded from",
    "--for": "the consumer of a model file, as 'edge-edet targets' lists them",
    "--fp16": "make a model with float16 weights",
    "--fp32": "make a float model",
    "--host": "a machine behind SSH, ADB or an emulator",
    "--hparams": "google/automl's hyperparameters",
    "--http": "on the network without a certificate",
    "--http-port": "port of a page that shows a running video",
    "--image-size": "side of the input of the model that is made",
    "--images": "pictures to work on: files or folders",
    "--in-process": "measure without a process of its own",
    "--inference-precision": "precision that float layers are computed in",
    "--input": "type of the input of the model that is made",
    "--input-size": "size of a foreign model's input that the file leaves open",
    "--int8": "make an integer model",
    "--int8-dynamic": "make a model with integer weights and float activations",
    "--iou-threshold": "IoU of hard suppression",
    "--isolate": "try the model in a process of its own first",
    "--json": "print JSON",
    "--jsonl": "print JSON Lines while the command runs",
    "--keep-models": "leave the model files that a study made",
    "--labels": "file of class names",
    "--lan": "let other machines on the network open the page",
    "--limit": "use at most N pictures",
    "--litertjs": "folder with the packages of LiteRT.js",
    "--max-drop": "largest loss of AP",
    "--max-fps": "largest number of frames a second that are taken",
    "--max-samples": "largest number of samples",
    "--max-seconds": "longest time of sampling",
    "--mean": "mean that is subtracted from a picture",
    "--min-ap": "lowest AP",
    "--min-side": "shortest side of an object that counts",
    "--model": "the model file",
    "--models": "model files to measure in place of those that a study makes",
    "--mqtt": "broker and topic that detections are published to",
    "--nms": "where suppression runs in the model that is made",
    "--no-parity-report": "make no comparison with the float model",
    "--no-isolate": "do not try the model in a process of its own first",
    "--no-verify": "run a model that was changed after it was converted",
    "--num-classes": "number of classes of random weights",
    "--output": "file or folder that the command writes",
    "--outputs": "type of the outputs of the model that is made",
    "--overwrite": "also replace files that the command did not write before",
    "--pad": "colour beside a letterboxed picture",
    "--parallel": "number of inferences at the same time",
    "--per-class": "number of detections kept of each class",
    "--port": "port that a page is served on",
    "--per-operator": "each operator of the file alone as well",
    "--precision": "precision of model files: fp32, fp16, int8",
    "--profile": "a file with a board's profile",
    "--project": "a zylo117 project file",
    "--published": "source of published numbers",
    "--published-ap": "stand in published AP where none was measured",
    "--published-split": "split of the published AP",
    "--range": "values that are black and white in grey pictures of more than 8 bits",
    "--raw": "file or folder for inputs and raw outputs",
    "--recipe": "how INT8 ranges are chosen",
    "--resume": "skip the rows that the file has already",
    "--rounds": "how often all is measured in turn",
    "--runtime": "the library that runs the model",
    "--samples": "least number of samples",
    "--scales-per-octave": "scales of anchors, as the checkpoint was trained",
    "--scheduler": "address of a Dask cluster",
    "--score-threshold": "lowest score of a detection",
    "--seed": "seed of what is drawn at random",
    "--sigma": "sigma of soft suppression",
    "--skip": "keys of rows to leave out",
    "--split": "part of the data: train, val, test",
    "--stage": "the time that is drawn",
    "--state": "file that an interrupted run goes on from",
    "--std": "value that a picture is divided by after --mean",
    "--stream-source": "video that the whole pipeline is measured on",
    "--strict": "end at a picture that cannot be read",
    "--suppression": "kind of suppression",
    "--sustain": "how long to run without a pause",
    "--table-only": "print the table of what was measured before",
    "--tensor-limit": "compare tensors on at most N pictures",
    "--tensors": "list the tensors",
    "--this-board": "the board that this machine is",
    "--threads": "number of CPU threads",
    "--tiles": "columns and rows of tiles of a picture that are detected on too",
    "--time-limit": "seconds after which one model is given up",
    "--to": "formats to write",
    "--track": "follow objects from frame to frame",
    "--variants": "networks of a study",
    "--warmup": "least number of runs before sampling",
    "--warmup-seconds": "least seconds of runs before sampling",
    "--weights": "the checkpoint",
    "--wide": "one line for each row of a table, however wide the terminal is",
    "--zone": "file of zones whose visits are counted",
}
SHORT = {"-h": "--help", "-m": "--model", "-o": "--output"}
# what each command's value of an option looks like; lists of what others take one of are alike
ALIKE = [{"N", "N,..."}, {"R", "R,..."}, {"D", "D,..."}, {"ID", "ID,..."}, {"NAME"}]
# options whose value is written in several ways, which are one meaning all the same
WRITTEN_VARIOUSLY = {
    "--calibration": "a record is as good where no new one is made",
    "--data": "each command names what it takes: a folder, a file, a picture",
    "--images": "several where they are run on, the one folder where labels name them",
    "--json": "a flag",
    "--mean": "RGB or X[,X,X]",
    "--pad": "RGB or X[,X,X]",
    "--std": "RGB or X[,X,X]",
    "--output": "a file or a folder",
}
# former spellings, by command: they answer with the present one
FORMER = {
    "bench": ["--device-type", "--pictures", "--precision", "--stream", "--streams", "--width"],
    "compare-float": ["--pictures"],
    "convert": ["--no-certificate"],
    "detect": ["--precision"],
    "eval": ["--precision"],
    "import-log": ["--device"],
    "inspect": ["--pictures"],
    "recommend": ["--device"],
}


@dataclass(frozen=True)
class Option:
    """One option of one command."""

    command: str
    name: str
    names: tuple[str, ...]
    value: str  # "" where it takes none
    text: str


def options(command: str) -> Iterator[Option]:
    """Those that its help text shows, with those of its actions."""
    (commands,) = _subparsers(parser_for(command))
    pending = [commands.choices[command]]
    while pending:
        parser = pending.pop()
        for action in parser._actions:
            if isinstance(action, argparse._SubParsersAction):
                pending.extend(action.choices.values())
            elif action.option_strings and action.help != argparse.SUPPRESS:
                value = "" if action.nargs == 0 else str(action.metavar or action.dest.upper())
                for name in action.option_strings:
                    yield Option(
                        command, name, tuple(action.option_strings), value, action.help or ""
                    )


def _subparsers(parser: argparse.ArgumentParser) -> Iterator[argparse._SubParsersAction]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            yield action


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_is_in_the_table_of_meanings(command: str) -> None:
    for option in options(command):
        if option.name.startswith("--"):
            assert option.name in MEANINGS or option.name == "--help", (
                f"{command} {option.name}: add it to MEANINGS, with the meaning that it has everywhere"
            )
        else:
            assert SHORT.get(option.name) in option.names, f"{command} {option.name}"
        assert option.text, f"{command} {option.name} has no help text"


def test_the_table_has_no_option_that_is_gone() -> None:
    known = {option.name for command in COMMANDS for option in options(command)}
    assert sorted(set(MEANINGS) - known) == []


def test_no_two_options_have_one_meaning() -> None:
    assert len(set(MEANINGS.values())) == len(MEANINGS)


def test_an_option_takes_the_same_kind_of_value_in_every_command() -> None:
    values: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for command in COMMANDS:
        for option in options(command):
            values[option.name][option.value].append(command)
    for name, kinds in values.items():
        long = SHORT.get(name, name)
        if long in WRITTEN_VARIOUSLY or long == "--help":
            continue
        for alike in ALIKE:
            if set(kinds) <= alike:
                break
        else:
            assert len(kinds) == 1, f"{name}: {dict(kinds)}"


@pytest.mark.parametrize(
    ("command", "option"), [(c, option) for c, former in FORMER.items() for option in former]
)
def test_former_spellings_answer_with_the_present_one(
    command: str, option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([command, "x", option, "y"]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    present = err.removeprefix(f"edge-edet: error: {option} is now ").split(";")[0]
    assert present in {one.name for one in options(command)}


if __name__ == "__main__":
    for name in COMMANDS:
        for one in options(name):
            print(f"{name:14} {one.name:22} {one.value:16} {one.text}")
