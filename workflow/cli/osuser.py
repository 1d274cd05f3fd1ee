"""Who is at the keyboard, by the operating system's word: what the environment says of it anybody can set."""

from __future__ import annotations

import sys


def os_user() -> str:
    """Return the name of the user whose process this is, without a name its number; on Windows with its domain.

    Empty where the system does not tell.
    """
    if sys.platform == "win32":
        import ctypes

        size = ctypes.c_ulong(512)
        name = ctypes.create_unicode_buffer(size.value)
        found = ctypes.WinDLL("secur32").GetUserNameExW(2, name, ctypes.byref(size))  # 2: DOMAIN\user
        return name.value if found else ""
    import os
    import pwd

    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())
