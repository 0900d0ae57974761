"""Calls cloud-init's own code for Azure, as it stands, and prints what it makes of this VM's metadata as JSON."""

import json
import sys

from cloudinit import helpers
from cloudinit.sources import DataSourceAzure as azure

source = azure.DataSourceAzure({}, distro=None, paths=helpers.Paths({"run_dir": sys.argv[1], "cloud_dir": sys.argv[1]}))
metadata = source.get_imds_data_with_api_fallback(retries=10)
source._metadata_imds = metadata
json.dump(
    {
        "hostname": azure._hostname_from_imds(metadata),
        "username": azure._username_from_imds(metadata),
        "disablePassword": azure._disable_password_from_imds(metadata),
        "userData": azure._userdata_from_imds(metadata),
        "publicKeys": source._get_public_keys_from_imds(metadata),
        "network": azure.generate_network_config_from_instance_network_metadata(metadata["network"]),
        "hasExtended": "extended" in metadata,
        "vmId": metadata["compute"]["vmId"],
    },
    open(sys.argv[2], "w", encoding="utf-8"),
)
