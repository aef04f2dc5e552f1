"""tmp"""
def page(v): return ""
