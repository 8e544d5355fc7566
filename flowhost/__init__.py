"""FlowHost joins the plant floor (SCADA) to MES and ERP."""

__version__ = "0.1.0"
