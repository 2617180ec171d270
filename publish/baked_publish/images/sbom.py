"""The SBOM of an Image: a CycloneDX document of what is in it, attached as the OCI image specification says.

It lists the software by version and the databases by name. What they hold is the Manifest's to tell: a document that
told it as well would be another one, and be sent, every night.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final
from uuid import NAMESPACE_URL, uuid5

from baked_core.manifest import Database, Manifest, canonical
from baked_publish.images.wheels import Distribution
from baked_publish.registry.content import Blob, Tree
from baked_publish.registry.descriptor import EMPTY, MANIFEST, Descriptor

if TYPE_CHECKING:
    from cyclonedx.model.component import Component

CYCLONEDX: Final = "application/vnd.cyclonedx+json"
NOTHING: Final = Blob.of(b"{}", EMPTY)
"""The configuration of a document: none."""


def sbom(manifest: Manifest, distributions: Sequence[Distribution], base_name: str, base_digest: str) -> bytes:
    """Return the CycloneDX JSON of an image: packages, the serving app, databases and the base.

    The same list gives the same bytes: the serial number is derived from it, and no time is told.
    """
    import orjson  # noqa: PLC0415
    from cyclonedx.model.bom import Bom  # noqa: PLC0415 - 0.2 s that only a build pays
    from cyclonedx.model.component import Component, ComponentType  # noqa: PLC0415
    from cyclonedx.output import make_outputter  # noqa: PLC0415
    from cyclonedx.schema import OutputFormat, SchemaVersion  # noqa: PLC0415

    root = Component(name=_title(manifest), type=ComponentType.APPLICATION, bom_ref="image")
    bom = Bom(
        serial_number=uuid5(
            NAMESPACE_URL, f"{manifest.generator} {sorted(manifest.databases)} {base_digest} {distributions}"
        ),
        components=[
            _base(base_name, base_digest),
            _app(manifest.generator),
            *map(_package, distributions),
            *map(_database, manifest.databases.values()),
        ],
    )
    bom.metadata.component = root
    bom.register_dependency(root, bom.components)
    raw = orjson.loads(make_outputter(bom, OutputFormat.JSON, SchemaVersion.V1_6).output_as_string())
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


def _title(manifest: Manifest) -> str:
    return ", ".join(sorted(manifest.databases)) or "baked data"


def _package(distribution: Distribution) -> "Component":
    from cyclonedx.model.component import Component, ComponentType  # noqa: PLC0415
    from packageurl import PackageURL  # noqa: PLC0415

    url = PackageURL("pypi", None, distribution.name, distribution.version)
    return Component(
        name=distribution.name,
        version=distribution.version,
        type=ComponentType.LIBRARY,
        purl=url,
        bom_ref=url.to_string(),
    )


def _app(generator: str) -> "Component":
    from cyclonedx.model.component import Component, ComponentType  # noqa: PLC0415
    from cyclonedx.model.license import DisjunctiveLicense  # noqa: PLC0415

    name, _, version = generator.partition(" ")
    return Component(
        name=name,
        version=version,
        type=ComponentType.APPLICATION,
        licenses=[DisjunctiveLicense(id="Apache-2.0")],
        bom_ref=generator,
    )


def _database(database: Database) -> "Component":
    from cyclonedx.model.component import Component, ComponentType  # noqa: PLC0415

    return Component(name=database.name, type=ComponentType.DATA, bom_ref=database.file)


def _base(name: str, digest: str) -> "Component":
    from cyclonedx.model.component import Component, ComponentType  # noqa: PLC0415

    return Component(name=name or "base image", version=digest, type=ComponentType.CONTAINER, bom_ref=f"base {digest}")
