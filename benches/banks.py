"""The data: demo banks of any size, and variants of one, made once and kept.

    python3 benches/banks.py BANK VARIANT
"""
import json
import pathlib
import shutil
import sys

# What changes; the questions stay. Amounts and balances are decimal(18,2) in the demo bank itself.
VARIANTS = {
    "shuffled": "events in no order of time",
    "keys64": "keys are any 64-bit numbers",
    "textkeys": "keys are texts",
    "strangers": "a tenth of the transactions are nobody's",
}
EVENTS = ("transactions", "app_events")
# Rows of a row group: the demo bank's.
ROWS = 1_048_576


def transactions_of(bank):
    """How many transactions the demo bank holds."""
    told = json.loads((bank / "data" / "demo.json").read_text())["files"]
    return sum(rows for name, rows in told if name.startswith("data/transactions/"))


def customers_of(bank):
    """How many customers the demo bank was made with."""
    return json.loads((bank / "data" / "demo.json").read_text())["options"]["customers"]


def folder_of(bank, variant):
    return bank / "variants" / variant


def is_made(bank, variant):
    return (folder_of(bank, variant) / "made").exists()


def make(bank, variant):
    target = folder_of(bank, variant)
    shutil.rmtree(target, ignore_errors=True)
    for folder in EVENTS:
        (target / "data" / folder).mkdir(parents=True)
    customers = bank / "data" / "customers.parquet"
    write(changed(customers, variant, None, None), target / "data" / "customers.parquet")
    for folder in EVENTS:
        if variant == "shuffled":
            deal(bank / "data" / folder, target / "data" / folder)
            continue
        for number, file in enumerate(sorted((bank / "data" / folder).glob("*.parquet"))):
            known = keys_of(customers) if folder == "transactions" else None
            write(changed(file, variant, number, known), target / "data" / folder / file.name)
    (target / "made").touch()


def write(table, path):
    """As the demo bank's files: zstd, numbers as differences, texts as codes."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    numbers = [f.name for f in table.schema if pa.types.is_integer(f.type) or pa.types.is_timestamp(f.type)]
    texts = [f.name for f in table.schema if pa.types.is_string(f.type) and f.name != "customer_id"]
    pq.write_table(
        table, path, compression="zstd", compression_level=3, row_group_size=ROWS, use_dictionary=texts,
        column_encoding={name: "DELTA_BINARY_PACKED" for name in numbers}, store_decimal_as_integer=True,
    )


def keys_of(file):
    import pyarrow.parquet as pq

    return pq.read_table(file, columns=["customer_id"])["customer_id"].to_numpy()


def changed(file, variant, number, known):
    """The file's rows as the variant has them. `number` is a file's of events, `known` are the customers' keys."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pq.read_table(file)
    keys = table["customer_id"].to_numpy()
    if variant == "keys64":
        keys = pa.array(scattered(keys))
    elif variant == "textkeys":
        keys = texts_of(keys)
    elif variant == "strangers" and known is not None:
        keys = pa.array(with_strangers(keys, known, number))
    else:
        return table
    return table.set_column(table.schema.get_field_index("customer_id"), "customer_id", keys)


def scattered(keys):
    """Numbers spread over all 64 bits, a different one for each key: every step of splitmix64 can be undone."""
    import numpy

    x = (keys.astype(numpy.uint64) + numpy.uint64(0x9E3779B97F4A7C15)) * numpy.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> numpy.uint64(30))) * numpy.uint64(0x94D049BB133111EB)
    return (x ^ (x >> numpy.uint64(31))).view(numpy.int64)


def texts_of(keys):
    """C-0123456789: the digits are the key's, turned round so that customers who lie beside each other do not."""
    import pyarrow as pa
    import pyarrow.compute as pc

    digits = pc.utf8_reverse(pc.utf8_lpad(pc.cast(pa.array(keys), pa.string()), 10, "0"))
    return pc.binary_join_element_wise("C", digits, "-")


def with_strangers(keys, known, number):
    """A tenth are not among the customers: half of them in the gaps between the customers' keys, half above."""
    import numpy

    draw = numpy.random.default_rng(number)
    gaps = numpy.setdiff1d(numpy.arange(known.min(), known.max()), known)
    above = known.max() + 1 + draw.integers(0, len(known), len(keys))
    between = draw.choice(gaps, len(keys)) if len(gaps) else above
    lot = draw.random(len(keys))
    return numpy.where(lot < 0.05, between, numpy.where(lot < 0.1, above, keys))


def deal(months, place):
    """Each file gets some rows of every month in an order without meaning: no file, row group or page stands for a time."""
    import duckdb
    import pyarrow.parquet as pq

    files = sorted(months.glob("*.parquet"))
    for number, file in enumerate(files):
        lot = "hash(file_row_number, parse_filename(filename))"
        rows = duckdb.sql(
            f"SELECT * EXCLUDE (file_row_number, filename) FROM read_parquet('{months}/*.parquet', file_row_number = true,"
            f" filename = true) WHERE {lot} % {len(files)} = {number} ORDER BY {lot}"
        )
        write(rows.to_arrow_table().cast(pq.read_schema(file)), place / file.name)


if __name__ == "__main__":
    make(pathlib.Path(sys.argv[1]), sys.argv[2])
