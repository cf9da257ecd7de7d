"""Two people use the app as it is deployed: through the balancer, with its database, cache and buckets."""

import re
from datetime import UTC, datetime, timedelta
from html import unescape
from zoneinfo import ZoneInfo

import httpx

from tests.integration.conftest import Person
from tests.stage import Stage

PNG = (
    b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00\x00\x1f\x15\xc4\x89"
    b"\x00\x00\x00\rIDATx\x9cc\xf8\xcf\xc0\xf0\x1f\x00\x05\x00\x01\xff\x89\x99=\x1d\x00\x00\x00\x00IEND\xaeB`\x82"
)


def test_both_see_the_same_day_and_each_others_mood(couple: tuple[Person, Person]) -> None:
    mina, jun = couple
    start = datetime.now(UTC).astimezone(ZoneInfo("Asia/Seoul")).date() - timedelta(days=99)
    mina.send("/ddays/start", "/ddays", start_date=start.isoformat())
    for one in couple:
        assert re.search(r"\b100\b", one.page("/")), "the start is day 1, so 99 days later is day 100"
    jun.send("/mood", "/", feeling="happy", note="see you tonight")
    assert "see you tonight" in mina.page("/")


def test_a_photo_goes_into_the_private_bucket_and_is_shown_to_the_couple_alone(
    stage: Stage, couple: tuple[Person, Person]
) -> None:
    mina, jun = couple
    upload_photo(stage, mina)
    shown = photo_address(jun)
    with httpx.Client(verify=stage.trust()) as anybody:
        assert anybody.get(shown).content == PNG
        plain = shown.split("?")[0]
        assert anybody.get(plain).status_code == 403
        assert anybody.get(shown.replace("Signature=", "Signature=0")).status_code == 403


def test_a_stranger_sees_nothing_of_a_couple(couple: tuple[Person, Person], stage: Stage) -> None:
    with stage.visitor() as stranger:
        answer = stranger.get("/ddays")
        assert answer.status_code in (302, 303)
        assert "/log-in" in answer.headers["location"]


def test_static_files_are_named_by_their_content_and_kept_by_browsers(stage: Stage) -> None:
    with stage.visitor() as anybody:
        style = re.search(r'href="(/static/style\.[0-9a-f]{12}\.css)"', anybody.get("/log-in").text)
        assert style
        answer = anybody.get(style[1])
        assert answer.status_code == 200
        assert "immutable" in answer.headers["cache-control"]
    names = stage.client("s3").list_objects_v2(Bucket=stage.outputs("storage")["StaticBucketName"], Prefix="static/")
    assert style[1].removeprefix("/") in {entry["Key"] for entry in names["Contents"]}


def upload_photo(stage: Stage, person: Person) -> None:
    """Upload a photo as the page's script does."""
    begun = person.say("/photo/begin", content_type="image/png", size=len(PNG))
    fields = begun["fields"]
    assert isinstance(fields, dict)
    with httpx.Client(verify=stage.trust(), timeout=20) as browser:
        stored = browser.post(str(begun["url"]), data=fields, files={"file": ("photo.png", PNG, "image/png")})
    assert stored.status_code in (200, 201, 204), stored.text
    person.say("/photo/confirm", key=begun["key"])


def photo_address(person: Person) -> str:
    """The address of the photo on the home page."""
    found = re.search(r'<img[^>]* src="(https?://[^"]+)"', person.page("/"))
    assert found, "no photo on the home page"
    return unescape(found[1])
