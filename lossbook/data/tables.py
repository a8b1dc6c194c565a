"""Tables: incomes, rented bicycles and traffic, as pandas data frames."""

from functools import cache
from typing import TYPE_CHECKING

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


@cache
def _read(name: str, **options) -> "pd.DataFrame":
    try:
        import pandas as pd
    except ImportError as error:
        raise ImportError('Tables are read by pandas. Run: pip install "lossbook[notebooks]"') from error
    return pd.read_csv(verified_path(name), **options)
