"""Validates a dashboard against the schema of one version of Grafana. scripts/grafana-schema-test.sh calls it.

    grafana-schema-test.py DASHBOARD

The schema is that of the package grafana_foundation_sdk, whose classes Grafana Labs generates from the schemas of the
dashboard and of each panel plugin. A class's from_json accepts everything, so this compares the JSON with the
annotations: no field is unknown, and each value has the type that the field has. The queries of the PostgreSQL data
source have no schema; of them, it checks what all data sources share.
"""

import copy
import enum
import json
import sys
import typing

from grafana_foundation_sdk.cog import plugins, runtime
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models import dashboard as schema

plugins.register_default_plugins()


def errors_of(value, hint, path, plugin=None):
    """What is wrong with a value of the dashboard, by the annotation of its field, as a list of texts."""
    kind, arguments = typing.get_origin(hint), typing.get_args(hint)
    if hint in (typing.Any, object):
        return []
    if kind is typing.Union:
        # An object can be one of several models, such as a panel or a row of panels: the one that it resembles most.
        choices = [choice for choice in arguments if value is None or choice is not type(None)]
        return min((errors_of(value, choice, path, plugin) for choice in choices), key=len)
    if kind is typing.Literal:
        return [] if value in arguments else [f"{path}: {value!r} is none of {arguments}"]
    if kind is list:
        if not isinstance(value, list):
            return [f"{path}: {value!r} is not a list"]
        return [e for n, v in enumerate(value) for e in errors_of(v, arguments[0], f"{path}[{n}]", plugin)]
    if kind is dict:
        if not isinstance(value, dict):
            return [f"{path}: {value!r} is not an object"]
        return [e for k, v in value.items() for e in errors_of(v, arguments[1], f"{path}.{k}", plugin)]
    if hint is float:
        is_valid = isinstance(value, (int, float)) and not isinstance(value, bool)
    elif hint is int:
        is_valid = isinstance(value, int) and not isinstance(value, bool)
    elif hint in (str, bool, type(None)):
        is_valid = isinstance(value, hint)
    elif issubclass(hint, enum.Enum):
        is_valid = value in [member.value for member in hint]
    elif not isinstance(value, dict):
        is_valid = False
    elif issubclass(hint, Dataquery):
        ours = {"refId": str, "hide": bool, "queryType": str, "datasource": schema.DataSourceRef}
        missing = [f"{path}: no {name}" for name in ("refId", "datasource") if name not in value]
        return missing + [e for k in ours if k in value for e in errors_of(value[k], ours[k], f"{path}.{k}")]
    else:
        return errors_of_object(value, hint, path, plugin)
    return [] if is_valid else [f"{path}: {json.dumps(value)[:80]} is no {hint.__name__}"]


def errors_of_object(value, model, path, plugin):
    fields = {name.replace("_", ""): hint for name, hint in typing.get_type_hints(model).items()}
    if model is schema.Panel:
        plugin = runtime.panelcfg_config(value.get("type", ""))
        if plugin is None:
            return [f"{path}: there is no panel {value.get('type')!r}"]
        # The panel plugin, and not the dashboard, says what is in these two.
        fields["options"] = plugin.options_from_json_hook.__self__
    if model is schema.FieldConfig and plugin.field_config_from_json_hook:
        fields["custom"] = plugin.field_config_from_json_hook.__self__
    errors = []
    for key, part in value.items():
        # Python's names have underscores, and "val" behind a word that Python uses itself.
        hint = fields.get(key.lower(), fields.get(key.lower() + "val"))
        errors += [f"{path}: unknown field {key}"] if hint is None else errors_of(part, hint, f"{path}.{key}", plugin)
    return errors


def errors_of_dashboard(content):
    return errors_of(content, schema.Dashboard, "dashboard")


with open(sys.argv[1], encoding="utf-8") as file:
    dashboard = json.load(file)
found = errors_of_dashboard(dashboard)
if found:
    sys.exit("  FAILED: " + "\n    ".join(found))

# The same dashboard with a mistake in it, to see that this finds mistakes.
for place, key, wrong in [([], "colour", "red"), (["time"], "from", 30), (["panels", 0], "type", "stats"),
                          (["panels", 0, "options"], "colorMode", "rainbow"),
                          (["panels", 0, "options"], "color", "none"),
                          (["panels", 4, "fieldConfig", "defaults", "custom"], "lineWidth", "thick"),
                          (["panels", 0, "gridPos"], "w", "6"), (["templating", "list", 0], "type", "database"),
                          (["panels", 0, "targets", 0], "refId", 1)]:
    broken = copy.deepcopy(dashboard)
    part = broken
    for step in place:
        part = part[step]
    part[key] = wrong
    if len(errors_of_dashboard(broken)) != 1:
        sys.exit(f"  FAILED: {key}: {wrong!r} in {place} is not found: {errors_of_dashboard(broken)}")
