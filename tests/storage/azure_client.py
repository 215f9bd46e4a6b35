"""What a program that knows Azure Blob Storage does with the URL of a SAS locator.

Usage: azure_client.py CONTAINER_URL LARGE_FILE
"""

import io
import sys

from azure.core import MatchConditions
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError
from azure.storage.blob import BlobBlock, ContainerClient, ContentSettings

url, large = sys.argv[1:]
# Small limits, so that a film of the tests is sent in blocks and read in several ranges.
container = ContainerClient.from_container_url(
    url,
    max_single_put_size=64 * 1024,
    max_block_size=100 * 1024,
    max_single_get_size=128 * 1024,
    max_chunk_get_size=128 * 1024,
    retry_total=0,
)
with open(large, "rb") as file:
    film = file.read()
assert len(film) > 300_000, len(film)

# A large file in blocks, by several connections at once; a small one in one request, checked by MD5.
container.upload_blob("film.mp4", io.BytesIO(film), length=len(film), max_concurrency=4)
settings = ContentSettings(content_type="text/xml")
small = container.get_blob_client("a b/ü #1.ism")
small.upload_blob(b"<smil/>", content_settings=settings, validate_content=True)
container.upload_blob("empty.vtt", b"")

assert container.download_blob("film.mp4", max_concurrency=3).readall() == film
assert container.download_blob("film.mp4", offset=1000, length=5000).readall() == film[1000:6000]
assert small.download_blob().readall() == b"<smil/>"
assert container.download_blob("empty.vtt").readall() == b""
properties = container.get_blob_client("film.mp4").get_blob_properties()
assert properties.size == len(film), properties
assert properties.blob_type == "BlockBlob", properties

names = [blob.name for blob in container.list_blobs(results_per_page=2)]
assert names == ["a b/ü #1.ism", "empty.vtt", "film.mp4"], names
assert [blob.name for blob in container.list_blobs(name_starts_with="a b/")] == ["a b/ü #1.ism"]
assert [blob.name for blob in container.walk_blobs()] == ["a b/", "empty.vtt", "film.mp4"]
assert next(b for b in container.list_blobs() if b.name == "film.mp4").etag == properties.etag.strip('"')

# Written again only where that is wanted.
try:
    container.upload_blob("empty.vtt", b"x")
    raise AssertionError("an existing blob was overwritten")
except ResourceExistsError as error:
    assert error.error_code == "BlobAlreadyExists", error
container.upload_blob("empty.vtt", b"WEBVTT", overwrite=True)
assert container.download_blob("empty.vtt").readall() == b"WEBVTT"

# Blocks in an order of one's own; half an upload is not seen.
blob = container.get_blob_client("blocks.bin")
blob.stage_block("MDE=", b"world")
blob.stage_block("MDA=", b"hello ")
assert not blob.exists()
blob.commit_block_list([BlobBlock("MDA="), BlobBlock("MDE=")])
assert blob.download_blob().readall() == b"hello world"
try:
    blob.commit_block_list([BlobBlock("MDk=")])
    raise AssertionError("a block that was never sent was committed")
except HttpResponseError as error:
    assert error.error_code == "InvalidBlockList", error
assert blob.download_blob().readall() == b"hello world"

# A condition that holds, and one that does not.
etag = blob.get_blob_properties().etag
blob.upload_blob(b"new", overwrite=True, etag=etag, match_condition=MatchConditions.IfNotModified)
try:
    blob.upload_blob(b"newer", overwrite=True, etag=etag, match_condition=MatchConditions.IfNotModified)
    raise AssertionError("a blob that had changed was overwritten")
except HttpResponseError as error:
    assert error.error_code == "ConditionNotMet", error

blob.delete_blob()
try:
    blob.download_blob()
    raise AssertionError("a deleted blob was read")
except ResourceNotFoundError as error:
    assert error.error_code == "BlobNotFound", error

# Nothing leads out of the container, and a changed signature opens nothing.
for name in ["../other/film.mp4", "a/../../x"]:
    try:
        container.upload_blob(name, b"x")
        raise AssertionError(name + " was written")
    except (HttpResponseError, ValueError):
        pass
changed = url.replace("sig=", "sig=A", 1)
try:
    list(ContainerClient.from_container_url(changed, retry_total=0).list_blobs())
    raise AssertionError("a changed signature was accepted")
except HttpResponseError as error:
    assert error.status_code == 403 and error.error_code == "AuthenticationFailed", error

print("azure client: done", file=sys.stderr)
