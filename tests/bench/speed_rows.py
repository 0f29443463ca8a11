# SPDX-License-Identifier: GPL-2.0-only
"""The rows of speed.json: unit and target of each."""
from speed_fps import SCENES, SIZES

FAST = ("texture", "effect2d")	# of which more is asked at 128x128

ROWS = {f"fps_vs_peer.{scene}.{size}":
        ("", ">= 1.3" if scene in FAST and size == SIZES[0] else ">= 1.0")
        for size in SIZES for scene in SCENES}
ROWS |= {
    "fps_vs_native.geomean_128": ("", ">= .80"),
    "fps_vs_native.frame_3ms": ("", ">= .99"),
}
ROWS |= {f"cpu_vs_peer.{scene}.{size}": ("", "<= 1.0") for size in SIZES for scene in SCENES}
ROWS |= {
    "rtt_sleeping_us": ("us", "<= 30"),
    "rtt_polling_us": ("us", "<= 2"),
}
ROWS |= {f"sync_waits_per_frame.{scene}": ("/frame", "<= 1") for scene in SCENES}
ROWS |= {
    "notifications_per_frame.to_backend": ("/frame", "<= 1"),
    "notifications_per_frame.to_frontend": ("/frame", "<= 1"),
    "grant_ops_per_frame": ("/frame", "<= 0"),
    "surface_bytes_copied_per_frame": ("octets", "<= 0"),
    "command_copies": ("", "<= 1"),
    "guests_16": ("", ">= 1"),
    "xen_guests_4": ("", ">= 1"),
    "session_pss_vs_peer": ("", "<= 1.0"),
    "idle_guest_pss_mib": ("MiB", "<= 1"),
    "idle_wakeups_per_s": ("/s", "<= 0"),
    "program_start_vs_peer": ("", "<= .7"),
    "xen_rtt_vs_vchan": ("", "<= 1.0"),
    # Beyond the table of targets.
    "connect_ms": ("ms", "<= 100"),
    "session_open_ms": ("ms", "<= 20"),
}
ROWS |= {f"{row}.{n}_idle": ("", "<= 1.05") for n in (16, 64)
         for row in ("frame_vs_alone", "cpu_vs_alone")}
ROWS |= {f"frame_vs_few.{what}": ("", "<= 1.05") for what in ("10000_resources", "512_mib", "both")}
