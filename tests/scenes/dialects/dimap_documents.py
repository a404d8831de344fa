"""Documents for the tests of DIMAP, laid out as the makers lay them out, with numbers of their own."""

from __future__ import annotations

PLEIADES = """<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<?xml-stylesheet href="LIBRARY/STYLE.XSL" type="text/xsl"?><Dimap_Document>
  <Metadata_Identification>
    <METADATA_FORMAT version="2.15">DIMAP</METADATA_FORMAT>
    <METADATA_PROFILE>PHR_ORTHO</METADATA_PROFILE>
    <METADATA_SUBPROFILE>PRODUCT</METADATA_SUBPROFILE>
  </Metadata_Identification>
  <Dataset_Identification><DATASET_NAME version="1.0">DS_PHR1B_TEST</DATASET_NAME></Dataset_Identification>
  <Dataset_Content><CLOUD_COVERAGE unit="percent">12.5</CLOUD_COVERAGE></Dataset_Content>
  <Coordinate_Reference_System>
    <Projected_CRS><PROJECTED_CRS_CODE>urn:ogc:def:crs:EPSG::3035</PROJECTED_CRS_CODE></Projected_CRS>
  </Coordinate_Reference_System>
  <Geoposition>
    <Raster_CRS>
      <RASTER_GEOMETRY>GROUND</RASTER_GEOMETRY>
      <PIXEL_ORIENTATION>UL</PIXEL_ORIENTATION>
    </Raster_CRS>
    <Geoposition_Insert>
      <ULXMAP>4000000</ULXMAP><ULYMAP>2900000</ULYMAP><XDIM>2</XDIM><YDIM>2</YDIM>
    </Geoposition_Insert>
  </Geoposition>
  <Processing_Information>
    <Product_Settings>
      <PROCESSING_LEVEL>ORTHO</PROCESSING_LEVEL>
      <SPECTRAL_PROCESSING>MS</SPECTRAL_PROCESSING>
      <Radiometric_Settings>
        <RADIOMETRIC_PROCESSING>BASIC</RADIOMETRIC_PROCESSING>
        <RADIOMETRIC_STRETCH>false</RADIOMETRIC_STRETCH>
      </Radiometric_Settings>
    </Product_Settings>
  </Processing_Information>
  <Raster_Data>
    <Data_Access>
      <Data_Files>
        <Data_File tile_R="2" tile_C="1"><DATA_FILE_PATH href="IMG_R2C1.JP2"/></Data_File>
        <Data_File tile_R="1" tile_C="1"><DATA_FILE_PATH href="IMG_R1C1.JP2"/></Data_File>
      </Data_Files>
    </Data_Access>
    <Raster_Dimensions>
      <NBANDS>4</NBANDS>
      <Tile_Set>
        <NTILES>2</NTILES>
        <Regular_Tiling>
          <NTILES_SIZE nrows="20" ncols="20"/>
          <NTILES_COUNT ntiles_R="2" ntiles_C="1"/>
          <OVERLAP_ROW>0</OVERLAP_ROW>
          <OVERLAP_COL>0</OVERLAP_COL>
        </Regular_Tiling>
      </Tile_Set>
    </Raster_Dimensions>
    <Raster_Display>
      <Band_Display_Order>
        <RED_CHANNEL>B2</RED_CHANNEL>
        <GREEN_CHANNEL>B1</GREEN_CHANNEL>
        <BLUE_CHANNEL>B0</BLUE_CHANNEL>
        <ALPHA_CHANNEL>B3</ALPHA_CHANNEL>
      </Band_Display_Order>
      <Special_Value>
        <SPECIAL_VALUE_TEXT>NODATA</SPECIAL_VALUE_TEXT><SPECIAL_VALUE_COUNT>0</SPECIAL_VALUE_COUNT>
      </Special_Value>
      <Special_Value>
        <SPECIAL_VALUE_TEXT>SATURATED</SPECIAL_VALUE_TEXT><SPECIAL_VALUE_COUNT>4095</SPECIAL_VALUE_COUNT>
      </Special_Value>
    </Raster_Display>
  </Raster_Data>
  <Radiometric_Data>
    <Dynamic_Range><PRODUCT_RANGE>12</PRODUCT_RANGE></Dynamic_Range>
    <Radiometric_Calibration><Instrument_Calibration><Band_Measurement_List>
      <Band_Radiance>
        <BAND_ID>B0</BAND_ID><MEASURE_DESC>DN to TOA Radiance (L). Formulae L=DN/GAIN+BIAS</MEASURE_DESC>
        <GAIN>8</GAIN><BIAS>0.5</BIAS>
      </Band_Radiance>
      <Band_Radiance><BAND_ID>B1</BAND_ID><GAIN>10</GAIN><BIAS>0</BIAS></Band_Radiance>
      <Band_Radiance><BAND_ID>B2</BAND_ID><GAIN>12.5</GAIN><BIAS>0</BIAS></Band_Radiance>
      <Band_Radiance><BAND_ID>B3</BAND_ID><GAIN>16</GAIN><BIAS>0</BIAS></Band_Radiance>
      <Band_Solar_Irradiance><BAND_ID>B0</BAND_ID><VALUE>1912</VALUE></Band_Solar_Irradiance>
      <Band_Solar_Irradiance><BAND_ID>B1</BAND_ID><VALUE>1835.6</VALUE></Band_Solar_Irradiance>
      <Band_Solar_Irradiance><BAND_ID>B2</BAND_ID><VALUE>1547.8</VALUE></Band_Solar_Irradiance>
      <Band_Solar_Irradiance><BAND_ID>B3</BAND_ID><VALUE>999</VALUE></Band_Solar_Irradiance>
    </Band_Measurement_List></Instrument_Calibration></Radiometric_Calibration>
  </Radiometric_Data>
  <Geometric_Data>
    <Use_Area>
      <Located_Geometric_Values>
        <LOCATION_TYPE>Top Center</LOCATION_TYPE>
        <Solar_Incidences><SUN_AZIMUTH>1</SUN_AZIMUTH><SUN_ELEVATION>1</SUN_ELEVATION></Solar_Incidences>
      </Located_Geometric_Values>
      <Located_Geometric_Values>
        <LOCATION_TYPE>Center</LOCATION_TYPE>
        <Acquisition_Angles>
          <AZIMUTH_ANGLE>180</AZIMUTH_ANGLE>
          <VIEWING_ANGLE unit="deg">14.1</VIEWING_ANGLE>
          <INCIDENCE_ANGLE_ALONG_TRACK>10</INCIDENCE_ANGLE_ALONG_TRACK>
          <INCIDENCE_ANGLE_ACROSS_TRACK>-10</INCIDENCE_ANGLE_ACROSS_TRACK>
          <INCIDENCE_ANGLE>15.9</INCIDENCE_ANGLE>
        </Acquisition_Angles>
        <Solar_Incidences>
          <SUN_AZIMUTH unit="deg">151.5</SUN_AZIMUTH><SUN_ELEVATION unit="deg">48.25</SUN_ELEVATION>
        </Solar_Incidences>
      </Located_Geometric_Values>
    </Use_Area>
  </Geometric_Data>
  <Quality_Assessment>
    <Imaging_Quality_Measurement>
      <MEASURE_NAME>Snow_Cotation (SNW)</MEASURE_NAME>
      <Quality_Mask><Component><COMPONENT_PATH href="MASKS/SNW.GML"/></Component></Quality_Mask>
    </Imaging_Quality_Measurement>
    <Imaging_Quality_Measurement>
      <MEASURE_NAME>Cloud_Cotation (CLD)</MEASURE_NAME>
      <Quality_Mask><Component><COMPONENT_PATH href="MASKS/CLD.GML"/></Component></Quality_Mask>
    </Imaging_Quality_Measurement>
  </Quality_Assessment>
  <Dataset_Sources>
    <Source_Identification>
      <SOURCE_TYPE>Strip_Source</SOURCE_TYPE>
      <Strip_Source>
        <MISSION>PHR</MISSION><MISSION_INDEX>1B</MISSION_INDEX>
        <IMAGING_DATE>2021-06-14</IMAGING_DATE><IMAGING_TIME>10:41:07.3Z</IMAGING_TIME>
      </Strip_Source>
    </Source_Identification>
  </Dataset_Sources>
</Dimap_Document>
"""
"""A Pléiades orthoimage in two tiles."""

_STACK = """
      <Data_Files>
        <Data_File tile_R="1" tile_C="1"><DATA_FILE_PATH href="IMG_{kind}_R1C1.TIF"/></Data_File>
        <Raster_Display>
          <Raster_Index_List>
            <Raster_Index><BAND_ID>{first}</BAND_ID><BAND_INDEX>{place}</BAND_INDEX></Raster_Index>
            <Raster_Index><BAND_ID>{second}</BAND_ID><BAND_INDEX>2</BAND_INDEX></Raster_Index>
            <Raster_Index><BAND_ID>{third}</BAND_ID><BAND_INDEX>3</BAND_INDEX></Raster_Index>
          </Raster_Index_List>
          <Special_Value>
            <SPECIAL_VALUE_TEXT>NODATA</SPECIAL_VALUE_TEXT><SPECIAL_VALUE_COUNT>0</SPECIAL_VALUE_COUNT>
          </Special_Value>
        </Raster_Display>
      </Data_Files>"""


def neo(red: str = "1", nir: str = "1") -> str:
    """Return a Pléiades Neo document with two stacks of bands; the arguments are two of its BAND_INDEX."""
    start, end = PLEIADES.index("<Raster_Data>"), PLEIADES.index("</Raster_Data>")
    stacks = _STACK.format(kind="RGB", first="R", second="G", third="B", place=red)
    stacks += _STACK.format(kind="NED", first="NIR", second="RE", third="DB", place=nir)
    raster = f"""<Raster_Data>
    <Raster_Dimensions><NBANDS>6</NBANDS><Tile_Set></Tile_Set></Raster_Dimensions>
    <Data_Access>{stacks}
    </Data_Access>
  """
    text = PLEIADES[:start] + raster + PLEIADES[end:]
    for old, new in (
        ("PHR_ORTHO", "PNEO_ORTHO"),
        ("<MISSION>PHR</MISSION><MISSION_INDEX>1B<", "<MISSION>PNEO</MISSION><MISSION_INDEX>4<"),
        *((f"<BAND_ID>B{place}</BAND_ID>", f"<BAND_ID>{band}</BAND_ID>") for place, band in enumerate(("B", "G", "R"))),
        ("<BAND_ID>B3</BAND_ID>", "<BAND_ID>NIR</BAND_ID>"),
    ):
        text = text.replace(old, new)
    return text


GEOSAT = """<?xml version="1.0" encoding="UTF-8"?><Dimap_Document xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
  <Metadata_Id>
    <METADATA_FORMAT version="1.1">DIMAP</METADATA_FORMAT><METADATA_PROFILE>GEOSAT</METADATA_PROFILE>
  </Metadata_Id>
  <Dataset_Id><DATASET_NAME>DE2_MS4_L1C_TEST</DATASET_NAME></Dataset_Id>
  <Data_Processing><GEOMETRIC_PROCESSING>ORTHORECTIFIED ENHANCED</GEOMETRIC_PROCESSING></Data_Processing>
  <Raster_Encoding><NBITS>16</NBITS></Raster_Encoding>
  <Data_Access><Data_File><DATA_FILE_PATH href="DE2_MS4_L1C_TEST.tif"/></Data_File></Data_Access>
  <Raster_Dimensions><NBANDS>4</NBANDS></Raster_Dimensions>
  <Image_Interpretation>
    <Spectral_Band_Info>
      <BAND_INDEX>1</BAND_INDEX><BAND_DESCRIPTION>NIR</BAND_DESCRIPTION>
      <PHYSICAL_GAIN>0.0068</PHYSICAL_GAIN><PHYSICAL_BIAS>-0.0068</PHYSICAL_BIAS>
      <PHYSICAL_UNIT>W m&lt;sup&gt;-2&lt;/sup&gt; &amp;micro;m&lt;sup&gt;-1&lt;/sup&gt;</PHYSICAL_UNIT>
      <ESUN>1076.885158</ESUN>
    </Spectral_Band_Info>
    <Spectral_Band_Info>
      <BAND_INDEX>2</BAND_INDEX><BAND_DESCRIPTION>RED</BAND_DESCRIPTION>
      <PHYSICAL_GAIN>0.0111</PHYSICAL_GAIN><PHYSICAL_BIAS>-0.0111</PHYSICAL_BIAS>
      <PHYSICAL_UNIT>W m&lt;sup&gt;-2&lt;/sup&gt; &amp;micro;m&lt;sup&gt;-1&lt;/sup&gt;</PHYSICAL_UNIT>
      <ESUN>1517.427492</ESUN>
    </Spectral_Band_Info>
    <Spectral_Band_Info>
      <BAND_INDEX>3</BAND_INDEX><BAND_DESCRIPTION>GREEN</BAND_DESCRIPTION>
      <PHYSICAL_GAIN>0.0131</PHYSICAL_GAIN><PHYSICAL_BIAS>-0.0131</PHYSICAL_BIAS>
      <PHYSICAL_UNIT>W m&lt;sup&gt;-2&lt;/sup&gt; &amp;micro;m&lt;sup&gt;-1&lt;/sup&gt;</PHYSICAL_UNIT>
      <ESUN>1794.381858</ESUN>
    </Spectral_Band_Info>
    <Spectral_Band_Info>
      <BAND_INDEX>4</BAND_INDEX><BAND_DESCRIPTION>BLUE</BAND_DESCRIPTION>
      <PHYSICAL_GAIN>0.0143</PHYSICAL_GAIN><PHYSICAL_BIAS>-0.0143</PHYSICAL_BIAS>
      <PHYSICAL_UNIT>W m&lt;sup&gt;-2&lt;/sup&gt; &amp;micro;m&lt;sup&gt;-1&lt;/sup&gt;</PHYSICAL_UNIT>
      <ESUN>1811.593874</ESUN>
    </Spectral_Band_Info>
  </Image_Interpretation>
  <Image_Display>
    <Special_Value>
      <SPECIAL_VALUE_INDEX>0</SPECIAL_VALUE_INDEX><SPECIAL_VALUE_TEXT>nodata</SPECIAL_VALUE_TEXT>
    </Special_Value>
  </Image_Display>
  <Dataset_Sources>
    <Source_Information>
      <Scene_Source>
        <MISSION>Deimos 2</MISSION><MISSION_INDEX>0001</MISSION_INDEX>
        <START_TIME>2023-05-23T09:28:38</START_TIME>
        <VIEWING_ANGLE unit="DEG">-10.9</VIEWING_ANGLE>
        <INCIDENCE_ANGLE unit="DEG">-12.1</INCIDENCE_ANGLE>
        <SUN_ELEVATION unit="DEG">54.7151</SUN_ELEVATION>
        <SUN_AZIMUTH unit="DEG">120.377</SUN_AZIMUTH>
      </Scene_Source>
      <Quality_Assessment>
        <Quality_Parameter>
          <QUALITY_PARAMETER_CODE>GEOSAT:DRA</QUALITY_PARAMETER_CODE>
          <QUALITY_PARAMETER_VALUE unit="bits">10</QUALITY_PARAMETER_VALUE>
        </Quality_Parameter>
        <Quality_Parameter>
          <QUALITY_PARAMETER_CODE>GEOSAT:CCP</QUALITY_PARAMETER_CODE><QUALITY_PARAMETER_VALUE/>
        </Quality_Parameter>
        <Quality_Parameter>
          <QUALITY_PARAMETER_CODE>GEOSAT:SAA</QUALITY_PARAMETER_CODE>
          <QUALITY_PARAMETER_VALUE>262.4</QUALITY_PARAMETER_VALUE>
        </Quality_Parameter>
      </Quality_Assessment>
    </Source_Information>
  </Dataset_Sources>
</Dimap_Document>
"""
"""A Geosat-2 orthoimage."""

BOMB = '<!DOCTYPE d [<!ENTITY a "xxxxxxxx"><!ENTITY b "&a;&a;&a;&a;">]>'
"""A document type that declares entities."""


def changed(text: str, *changes: tuple[str, str]) -> bytes:
    """Return a document with passages replaced, each of which must be there."""
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    return text.encode()
