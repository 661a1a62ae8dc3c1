"""What an object file leaves to the linker."""

import struct


def undefined_symbols(code: bytes) -> set[str]:
    """The names in the symbol table of a 64-bit little-endian ELF object that no section defines."""
    assert code[:6] == b"\x7fELF\x02\x01", "not a 64-bit little-endian ELF object"
    (sections_at,) = struct.unpack_from("<Q", code, 0x28)
    size, count = struct.unpack_from("<HH", code, 0x3A)
    # Of each section: its type, offset, size, and the section with its names.
    sections = [struct.unpack_from("<4xI16xQQI", code, sections_at + i * size) for i in range(count)]
    names: set[str] = set()
    for kind, at, length, link in sections:
        if kind != 2:  # SHT_SYMTAB
            continue
        names_at = sections[link][1]
        for entry in range(at + 24, at + length, 24):
            name, section = struct.unpack_from("<I2xH", code, entry)
            if section == 0:
                start = names_at + name
                names.add(code[start : code.index(b"\0", start)].decode())
    return names - {""}
