"Images as files, for tests of what is made of them."
import io


def stored(image, format='PNG', **options):
    "An image as the bytes of a file."
    image.save(file := io.BytesIO(), format=format, **options)
    return file.getvalue()


def folder_of(root, contents):
    "A folder with these files: relative path -> bytes."
    for name, data in contents.items():
        (root/name).parent.mkdir(parents=True, exist_ok=True)
        (root/name).write_bytes(data)
    return root
