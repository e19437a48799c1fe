"""Run imgtools, and tell Ansible what it says in JSON."""

from __future__ import annotations

import json
import os

OPENING = {
    "image": {"type": "path", "required": True},
    "format": {"type": "str"},
    "root": {"type": "str"},
    "keys": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "no_log": False,  # what is in it has its own
        "options": {
            "volume": {"type": "str", "default": "all"},
            "key": {"type": "str", "required": True, "no_log": True},
        },
    },
    "executable": {"type": "path", "default": "imgtools"},
}
WRITING = {"output": {"type": "path"}, "validate": {"type": "bool", "default": True}}


class Imgtools:
    """The program, with the image and the keys that a task names."""

    def __init__(self, module):
        self._module = module
        options = module.params
        self._program = module.get_bin_path(options["executable"], required=True)
        self._environment = {"LC_ALL": "C.UTF-8", "NO_COLOR": "1"}
        self._opening = ["--json", "--progress", "none"]
        for name in ("format", "root"):
            if options[name]:
                self._opening.append(f"--{name}={options[name]}")
        for number, one in enumerate(options["keys"]):
            variable = f"IMGTOOLS_ANSIBLE_KEY_{number}"
            self._environment[variable] = one["key"]
            self._opening.append("--key={}:env:{}".format(one["volume"], variable))

    def ask(self, command, arguments=(), options=(), stdin=b"", unless=()):
        """Run a command on the image and return its data; a failure ends the task.

        `unless`: names of errors that are an answer, too: None.
        """
        words = [self._program, *command.split(), *self._opening, *options, "--"]
        words += [self._module.params["image"], *arguments]
        code, out, err = self._module.run_command(
            words, data=stdin, binary_data=True, environ_update=self._environment
        )
        try:
            document = json.loads(out)
        except ValueError:
            self._module.fail_json(msg=(err.strip() or out.strip() or "imgtools said nothing"), rc=code)
        if document["ok"]:
            for warning in document["warnings"]:
                self._module.warn(": ".join(word for word in (warning["path"], warning["text"]) if word))
            return document["data"]
        error = document["error"]
        if error["class"] in unless:
            return None
        said = "; ".join(word for word in (error["message"], error["hint"]) if word)
        return self._module.fail_json(
            msg="{} ({}, exit code {})".format(said, error["class"], error["exit_code"]),
            error=error["class"],
            hint=error["hint"],
            rc=error["exit_code"],
        )

    def change(self, command, arguments=(), options=(), stdin=b"", unless=()):
        """Plan a change, carry it out unless in check mode, and return the result of the task."""
        output = self._module.params["output"]
        if output and os.path.lexists(output):
            return {"changed": False, "changes": [], "msg": f"{output} is there already"}
        how = [] if self._module.params["validate"] else ["--no-check"]
        if self._module.check_mode:
            how.append("--dry-run")
        else:
            how.append(f"--output={output}" if output else "--write")
        data = self.ask(command, arguments, [*options, *how], stdin, unless)
        if data is None:
            return {"changed": False, "changes": []}
        # With another image to make there is always something to do.
        changed = data["changed"] or bool(output)
        result = {"changed": changed, "changes": [one["summary"] for one in data["changes"]]}
        if self._module._diff:
            result["diff"] = [
                {"prepared": one.get("diff") or one["summary"] + "\n"} for one in data["changes"]
            ]
        return result
