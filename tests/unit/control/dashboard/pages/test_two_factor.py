"""The picture that apps scan."""

import re

from keyturn.control.dashboard.pages.two_factor import qr_code


def test_the_picture_scales_as_a_whole_and_stands_in_a_page_as_it_is() -> None:
    """Cut off at an edge no camera reads it; the page's policy allows no styles inside."""
    svg = str(qr_code("otpauth://totp/Keyturn:kim%40example.com?secret=ABC&issuer=Keyturn"))

    box = re.search(r'viewBox="0 0 (\d+) (\d+)"', svg)
    assert box is not None
    assert box[1] == box[2]
    assert " width=" not in svg
    assert "style" not in svg
    assert 'stroke="#000"' in svg
