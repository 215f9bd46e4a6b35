#!/usr/bin/env python3
"""Publishes a folder of MP4 files through the management API and prints its URLs.

Written as scripts for Azure Media Services were: plain REST calls, a token for account name and key, ids taken
from answers. Nothing but the standard library is needed.

    HEADWATER_MANAGEMENT=http://127.0.0.1:8081 HEADWATER_ACCOUNT=headwater HEADWATER_KEY=... publish.py FOLDER
"""

import datetime
import json
import os
import sys
import urllib.parse
import urllib.request

BASE = os.environ["HEADWATER_MANAGEMENT"]


def token():
    """A bearer token, with the form fields of the access control service."""
    form = {
        "grant_type": "client_credentials",
        "client_id": os.environ["HEADWATER_ACCOUNT"],
        "client_secret": os.environ["HEADWATER_KEY"],
        "scope": "urn:WindowsAzureMediaServices",
    }
    data = urllib.parse.urlencode(form).encode()
    with urllib.request.urlopen(BASE + "/v2/OAuth2-13", data) as answer:
        return json.load(answer)["access_token"]


TOKEN = token()


def call(method, path, body=None):
    """One request; the answer's JSON, or None."""
    request = urllib.request.Request(BASE + "/api/" + path, method=method)
    request.add_header("Authorization", "Bearer " + TOKEN)
    request.add_header("x-ms-version", "2.17")
    request.add_header("DataServiceVersion", "3.0")
    request.add_header("MaxDataServiceVersion", "3.0")
    request.add_header("Accept", "application/json;odata=verbose")
    if body is not None:
        request.add_header("Content-Type", "application/json;odata=verbose")
        request.data = json.dumps(body).encode()
    with urllib.request.urlopen(request) as answer:
        text = answer.read()
        return json.loads(text)["d"] if text else None


def quoted(identifier):
    return urllib.parse.quote(identifier, safe="")


def access_policy(name, minutes, permissions):
    """An access policy that is there already, or a new one."""
    known = quoted("Name eq '%s' and Permissions eq %d" % (name, permissions))
    policies = call("GET", "AccessPolicies?$filter=" + known)["results"]
    body = {"Name": name, "DurationInMinutes": minutes, "Permissions": permissions}
    return policies[0] if policies else call("POST", "AccessPolicies", body)


def upload(asset, folder):
    """Puts the files into the asset's container by a signed URL that is good for three hours."""
    policy = access_policy("upload", 180, 2)
    locator = call("POST", "Locators", {"AssetId": asset["Id"], "AccessPolicyId": policy["Id"], "Type": 1})
    container, signature = locator["Path"].split("?")
    for name in sorted(os.listdir(folder)):
        path = os.path.join(folder, name)
        with open(path, "rb") as file:
            put = urllib.request.Request("%s/%s?%s" % (container, quoted(name), signature), file, method="PUT")
            put.add_header("x-ms-blob-type", "BlockBlob")
            put.add_header("Content-Length", str(os.path.getsize(path)))
            urllib.request.urlopen(put).close()
    call("DELETE", "Locators('%s')" % quoted(locator["Id"]))


def main(folder):
    name = os.path.basename(os.path.normpath(folder))
    asset = call("POST", "Assets", {"Name": name, "Options": 0})

    upload(asset, folder)
    call("GET", "CreateFileInfos?assetid='%s'" % quoted(asset["Id"]))
    files = call("GET", "Assets('%s')/Files" % quoted(asset["Id"]))["results"]
    for file in files:
        print("%10s %s" % (file["ContentFileSize"], file["Name"]))

    policy = access_policy("a year", 525600, 1)
    # Five minutes ago, because clocks differ.
    start = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(minutes=5)
    locator = call("POST", "Locators", {
        "AssetId": asset["Id"],
        "AccessPolicyId": policy["Id"],
        "StartTime": start.strftime("%Y-%m-%dT%H:%M:%S"),
        "Type": 2,
    })
    manifests = [file["Name"] for file in files if file["Name"].endswith(".ism")]
    manifest = locator["Path"] + (manifests[0] if manifests else quoted(name) + ".ism") + "/Manifest"
    print("Smooth Streaming: " + manifest)
    print("MPEG-DASH: " + manifest + "(format=mpd-time-cmaf)")
    print("HLS: " + manifest + "(format=m3u8-cmaf)")


main(sys.argv[1])
