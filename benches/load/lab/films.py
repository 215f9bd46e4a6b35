"""The films of the laboratory: made by ffmpeg, kept between runs."""

import os
import shutil
import subprocess

# Height, bits per second of the picture.
LADDER = ((240, 400_000), (360, 800_000), (480, 1_600_000), (720, 3_000_000), (1080, 6_000_000))
SOUND = 128_000
RATE = 24
GOP_SECONDS = 2


def _run(*command):
    subprocess.run(("ffmpeg", "-hide_banner", "-loglevel", "error", "-nostdin", "-y") + command, check=True)


def _loop(folder, height, bitrate, seconds):
    """A short piece of a quality, with picture and sound: noise, so that the bit rate is what it says."""
    path = os.path.join(folder, f"loop_{height}.mp4")
    if not os.path.exists(path):
        source = f"testsrc2=size={height * 16 // 9 // 2 * 2}x{height}:rate={RATE},noise=alls=12:allf=t"
        rate = str(bitrate)
        _run("-f", "lavfi", "-i", source, "-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000",
             "-t", str(seconds), "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p",
             "-b:v", rate, "-minrate", rate, "-maxrate", rate, "-bufsize", rate, "-x264-params", "nal-hrd=cbr",
             "-g", str(RATE * GOP_SECONDS), "-keyint_min", str(RATE * GOP_SECONDS), "-sc_threshold", "0",
             "-c:a", "aac", "-b:a", str(SOUND), "-ac", "2", path + ".part.mp4")
        os.rename(path + ".part.mp4", path)
    return path


def ladder(root, name, qualities, seconds, loop_seconds):
    """A folder with one muxed MP4 for each of the best `qualities` of the ladder, `seconds` long."""
    folder = os.path.join(root, name)
    if os.path.exists(folder):
        return folder
    part = folder + ".part"
    shutil.rmtree(part, ignore_errors=True)
    os.makedirs(part)
    loops = os.path.join(root, f"loops-{loop_seconds}")
    os.makedirs(loops, exist_ok=True)
    for height, bitrate in qualities:
        print(f"lab: making {name}, {height} lines, {seconds} s", flush=True)
        loop = _loop(loops, height, bitrate, loop_seconds)
        times = max(0, seconds // loop_seconds - 1)
        _run("-stream_loop", str(times), "-i", loop, "-map", "0", "-c", "copy", "-movflags", "+faststart",
             os.path.join(part, f"{name}_{height}.mp4"))
    os.rename(part, folder)
    return folder


def many(root, name, film, count):
    """`count` folders with hard links to the files of the folder `film`."""
    folders = []
    for index in range(count):
        folder = os.path.join(root, name, f"{name}-{index:05}")
        if not os.path.isdir(folder):
            os.makedirs(folder + ".part", exist_ok=True)
            for file in os.listdir(film):
                target = os.path.join(folder + ".part", file)
                if not os.path.exists(target):
                    os.link(os.path.join(film, file), target)
            os.rename(folder + ".part", folder)
        folders.append(folder)
    return folders
