"""What holds for every test."""

import os
from collections.abc import Generator, Iterator

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")
"""No example fails because the machine had other things to do."""

pytest_plugins = ("base_image", "engine", "registry", "pushing", "flying", "on_google")
"""The fixtures that are shared: base image, Docker engine, registry and a repository in it, stand-ins of clouds."""


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep the user's cache out of the tests; they share one, as publishes on one machine do."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BAKED_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Make a skipped test a failed one in CI, where everything can run."""
    report = yield
    if report.skipped and os.environ.get("CI") and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped, and CI skips nothing: {report.longrepr}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Make a file that skips itself a failure in CI as well."""
    report = yield
    if report.outcome == "skipped" and os.environ.get("CI"):
        report.outcome = "failed"
        report.longrepr = f"{collector.nodeid} was skipped, and CI skips nothing: {report.longrepr}"
    return report
