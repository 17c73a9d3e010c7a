def load_asc(path): raise NotImplementedError
