"""The SBOM of an Image: a CycloneDX document of what is in it, attached as the OCI image specification says.

It lists the software by version and the databases by name. What they hold is the Manifest's to tell: a document that
told it as well would be another one, and be sent, every night.
"""

from collections.abc import Sequence
from typing import Any, Final
from uuid import NAMESPACE_URL, uuid5

from baked_core.manifest import Manifest, canonical
from baked_publish.images.wheels import Distribution
from baked_publish.registry.content import Blob, Tree
from baked_publish.registry.descriptor import EMPTY, MANIFEST, Descriptor

CYCLONEDX: Final = "application/vnd.cyclonedx+json"
NOTHING: Final = Blob.of(b"{}", EMPTY)
"""The configuration of a document: none."""


def sbom(manifest: Manifest, distributions: Sequence[Distribution], base_name: str, base_digest: str) -> bytes:
    """Return the CycloneDX JSON of an image: packages, the serving app, databases and the base.

    The same list gives the same bytes: the serial number is derived from it, and no time is told.
    """
    import orjson  # noqa: PLC0415
    from cyclonedx.model import bom  # noqa: PLC0415 - 0.2 s that only a build pays
    from cyclonedx.output import make_outputter  # noqa: PLC0415
    from cyclonedx.schema import OutputFormat, SchemaVersion  # noqa: PLC0415

    make: Any = bom.Bom  # pyright does not see through its decorator
    databases = sorted(manifest.databases)
    root = _component("application", name=", ".join(databases) or "baked data", bom_ref="image")
    made = make(
        serial_number=uuid5(NAMESPACE_URL, f"{manifest.generator} {databases} {base_digest} {distributions}"),
        components=[
            _component("container", name=base_name or "base image", version=base_digest, bom_ref=f"base {base_digest}"),
            _app(manifest.generator),
            *map(_package, distributions),
            *(_component("data", name=name, bom_ref=manifest.databases[name].file) for name in databases),
        ],
    )
    made.metadata.component = root
    made.register_dependency(root, made.components)
    raw = orjson.loads(make_outputter(made, OutputFormat.JSON, SchemaVersion.V1_6).output_as_string())
    raw["metadata"].pop("timestamp", None)
    return canonical(raw)


def attach(subject: Descriptor, document: bytes, kind: str = CYCLONEDX) -> Tree:
    """Return the manifest that says of which image ``document`` tells."""
    content = Blob.of(document, kind)
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "artifactType": kind,
        "config": NOTHING.descriptor.to_json(),
        "layers": [content.descriptor.to_json()],
        "subject": Descriptor(subject.media_type, subject.digest, subject.size).to_json(),
    }
    return Tree(Blob.of(canonical(manifest), MANIFEST, artifact_type=kind), (NOTHING, content))


def _package(distribution: Distribution) -> Any:
    from packageurl import PackageURL  # noqa: PLC0415

    url = PackageURL("pypi", None, distribution.name, distribution.version)
    said = {"name": distribution.name, "version": distribution.version}
    return _component("library", **said, purl=url, bom_ref=url.to_string())


def _app(generator: str) -> Any:
    from cyclonedx.model import license as licences  # noqa: PLC0415

    make: Any = licences.DisjunctiveLicense
    name, _, version = generator.partition(" ")
    return _component("application", name=name, version=version, licenses=[make(id="Apache-2.0")], bom_ref=generator)


def _component(kind: str, **said: Any) -> Any:
    from cyclonedx.model import component  # noqa: PLC0415

    make: Any = component.Component
    return make(type=component.ComponentType(kind), **said)
