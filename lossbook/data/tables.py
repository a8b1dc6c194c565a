"""Tables: incomes, rented bicycles and traffic, as pandas data frames."""

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from ._files import verified_path

if TYPE_CHECKING:
    import pandas as pd


def adult() -> "pd.DataFrame":
    """Income of 32,561 people of the census of the United States in 1994.

    Returns:
        DataFrame with the columns age (years), workclass, education, education_num, marital_status, occupation,
        relationship, race, gender, capital_gain and capital_loss (US dollars), hours_per_week, native_country, and the
        target income: True above 50,000 US dollars a year (24 %). Columns of text are strings; 4,262 cells of
        workclass, occupation and native_country are missing.
    """
    table = _read("adult.csv.gz", index_col=0, na_values="?", skipinitialspace=True)
    return table.rename(columns=lambda name: name.replace("-", "_")).assign(income=table["income"] == ">50K")


def bikeshare() -> "pd.DataFrame":
    """Bicycles rented in Washington in each hour of one year.

    Returns:
        DataFrame of 8,645 hours in order of time, with the columns season (1 to 4), mnth (its name, shortened), day
        (of the year), hr (0 to 23), holiday, weekday (0 is Sunday), workingday, weathersit (in words), temp, atemp,
        hum, windspeed (each scaled to about 0 to 1), and the counts casual, registered and bikers, their sum. 115 hours
        are absent. Casual and registered are parts of bikers: as inputs they give the answer away.
    """
    return _read("bikeshare.csv.gz").copy()


def traffic() -> "pd.DataFrame":
    """Westbound traffic on Interstate 94 near Minneapolis, hour by hour for two years.

    Returns:
        DataFrame with one row for each of 17,520 hours from 2016-10-01 on (the index, local time), with the columns
        clouds_all (percent), rain_1h (mm), temp (kelvin), traffic_volume (vehicles per hour) and weather_main. In 104
        hours nothing was measured: NaN.
    """
    table = _read("traffic_hourly.csv.gz", index_col="datetime", parse_dates=True)
    return table.drop(columns="snow_1h")  # constant


def encode_table(
    frame: "pd.DataFrame", numeric: Sequence[str], categorical: Sequence[str], *, train: np.ndarray | None = None
) -> tuple[Tensor, list[int]]:
    """A data frame as one tensor: standardized numbers first, then codes of categories, by scikit-learn.

    Means, deviations and categories are those of the training rows, so that nothing of other rows leaks. A missing
    number stays NaN; a missing or unseen category has code 0.

    Args:
        frame: N rows.
        numeric: names of numeric columns.
        categorical: names of categorical columns.
        train: which rows are training rows, booleans (N,); all unless given.

    Returns:
        The inputs (N, columns) in float32, and the number of codes of each categorical column, 0 included.

    Example:
        >>> import pandas as pd
        >>> rows = pd.DataFrame({"age": [20.0, 40.0, None, 30.0], "job": ["cook", "judge", "judge", "pilot"]})
        >>> encode_table(rows, ["age"], ["job"], train=np.array([True, True, False, False]))
        (tensor([[-1.,  1.],
                [ 1.,  2.],
                [nan,  2.],
                [ 0.,  0.]]), [3])
    """
    from sklearn.preprocessing import OrdinalEncoder, StandardScaler

    known = frame if train is None else frame[train]
    parts, categories = [], []
    if numeric:
        scaler = StandardScaler().fit(known[list(numeric)].to_numpy(dtype=float))
        parts.append(scaler.transform(frame[list(numeric)].to_numpy(dtype=float)))
    if categorical:
        encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-1)
        encoder.fit(known[list(categorical)].astype(object))
        parts.append(1 + encoder.transform(frame[list(categorical)].astype(object)))
        categories = [1 + sum(level == level for level in levels) for levels in encoder.categories_]  # NaN: no code
    return torch.from_numpy(np.column_stack(parts)).float(), categories


@cache
def _read(name: str, **options) -> "pd.DataFrame":
    try:
        import pandas as pd
    except ImportError as error:
        raise ImportError('Tables are read by pandas. Run: pip install "lossbook[notebooks]"') from error
    return pd.read_csv(verified_path(name), **options)
