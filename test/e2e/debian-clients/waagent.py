"""Calls the Azure Linux Agent's own code for the metadata service, as it stands, and writes what it makes of it as JSON."""

import json
import sys

from azurelinuxagent.common.protocol import imds

client = imds.get_imds_client("168.63.129.16")
is_healthy, problem = client.validate()
compute = client.get_compute()
json.dump(
    {
        "isHealthy": is_healthy,
        "problem": problem,
        "name": compute.name,
        "vmId": compute.vmId,
        "location": compute.location,
        "imageInfo": compute.image_info,
        "imageOrigin": compute.image_origin,
    },
    open(sys.argv[1], "w", encoding="utf-8"),
)
