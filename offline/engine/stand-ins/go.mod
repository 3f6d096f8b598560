// These are parts of other modules: this file keeps them out of the one above.
module homeport/offline/engine/stand-ins

go 1.25
