"""Reads a PrometheusRule by the operator's own schema, as a package of Python has it.

The schema drops what it does not know, so what was read must be what was written.
"""

import sys

import yaml
from cloudcoil.models.prometheus_operator.v1 import PrometheusRule

with open(sys.argv[1]) as file:
    written = yaml.safe_load(file)
read = PrometheusRule.model_validate(written).model_dump(mode="json", by_alias=True, exclude_unset=True)
if read != written:
    sys.exit(f"{sys.argv[1]}: it has keys that a PrometheusRule has not")
