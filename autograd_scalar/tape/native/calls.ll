; How a builtin takes arguments apart and makes a result: see calls.py, which declares the functions
; of Python's that are called here and puts numbers for the names in angle brackets.

; Where the numbers of an array are, or null if it has another shape or they lie in another way.
define internal ptr @data(ptr %thing, ptr %shape) {
entry:
  %type.at = getelementptr i8, ptr %thing, i64 <type>
  %type = load ptr, ptr %type.at

<fields>

  %is.array = icmp eq ptr %type, %first
  br i1 %is.array, label %array, label %other
array:
  %dtype.at = getelementptr i8, ptr %thing, i64 <dtype>
  %dtype = load ptr, ptr %dtype.at
  %of.floats = icmp eq ptr %dtype, %second
  %flags.at = getelementptr i8, ptr %thing, i64 <flags>
  %flags = load i32, ptr %flags.at
  %flagged = and i32 %flags, <whole>
  %in.order = icmp eq i32 %flagged, <whole>
  %rank.at = getelementptr i8, ptr %thing, i64 <rank>
  %rank.short = load i32, ptr %rank.at
  %rank = sext i32 %rank.short to i64
  %right.rank = icmp eq i64 %rank, %stride
  %plain = and i1 %of.floats, %in.order
  %fits = and i1 %plain, %right.rank
  br i1 %fits, label %ranked, label %other
ranked:
  %lengths.at = getelementptr i8, ptr %thing, i64 <lengths>
  %lengths = load ptr, ptr %lengths.at
  br label %axis
axis:
  %k = phi i64 [0, %ranked], [%k.next, %measured]
  %no.axis = icmp eq i64 %k, %rank
  br i1 %no.axis, label %shaped, label %measured
measured:
  %length.at = getelementptr i64, ptr %lengths, i64 %k
  %axis.length = load i64, ptr %length.at
  %wanted.at = getelementptr i64, ptr %children, i64 %k
  %wanted = load i64, ptr %wanted.at
  %k.next = add i64 %k, 1
  %right.axis = icmp eq i64 %axis.length, %wanted
  br i1 %right.axis, label %axis, label %other
shaped:
  %data.at = getelementptr i8, ptr %thing, i64 <data>
  %data = load ptr, ptr %data.at
  ret ptr %data
other:
  ret ptr null
}

; Write the numbers of a thing to x; where the next one goes, or null if it has another shape.
define internal ptr @take(ptr %thing, ptr %shape, ptr %x) {
entry:
  %type.at = getelementptr i8, ptr %thing, i64 <type>
  %type = load ptr, ptr %type.at
  %content = getelementptr i8, ptr %thing, i64 <content>
  %next = getelementptr double, ptr %x, i64 1

<fields>

  switch i64 %kind, label %number [
    i64 <list>, label %list
    i64 <tuple>, label %tuple
    i64 <array>, label %array
    i64 <dict>, label %dict
  ]

number:
  %is.float = icmp eq ptr %type, @PyFloat_Type
  br i1 %is.float, label %float, label %no.float
float:
  %float.number = load double, ptr %content
  store double %float.number, ptr %x
  ret ptr %next
no.float:
  %is.int = icmp eq ptr %type, @PyLong_Type
  br i1 %is.int, label %int, label %no.int
int:
  %int.number = call double @PyLong_AsDouble(ptr %thing)
  store double %int.number, ptr %x
  %error = call ptr @PyErr_Occurred()
  %in.range = icmp eq ptr %error, null
  br i1 %in.range, label %done, label %too.large
too.large:
  call void @PyErr_Clear()
  br label %other
no.int:
  %is.kind = call i32 @PyType_IsSubtype(ptr %type, ptr @PyFloat_Type)
  %kind.of.float = icmp ne i32 %is.kind, 0
  br i1 %kind.of.float, label %float, label %other

list:
  %is.list = icmp eq ptr %type, @PyList_Type
  br i1 %is.list, label %a.list, label %other
a.list:
  %items.at = getelementptr i8, ptr %thing, i64 <list items>
  %items.of.list = load ptr, ptr %items.at
  br label %sequence
tuple:
  %is.tuple = icmp eq ptr %type, @PyTuple_Type
  br i1 %is.tuple, label %a.tuple, label %other
a.tuple:
  %items.of.tuple = getelementptr i8, ptr %thing, i64 <tuple items>
  br label %sequence
sequence:
  %items = phi ptr [%items.of.list, %a.list], [%items.of.tuple, %a.tuple]
  %length = load i64, ptr %content
  %right.length = icmp eq i64 %length, %count
  br i1 %right.length, label %more, label %other
more:
  %i = phi i64 [0, %sequence], [%i.next, %taken]
  %to = phi ptr [%x, %sequence], [%to.next, %taken]
  %child = phi ptr [%children, %sequence], [%child.next, %taken]
  %at.end = icmp eq i64 %i, %count
  br i1 %at.end, label %all, label %item
item:
  %item.at = getelementptr ptr, ptr %items, i64 %i
  %that = load ptr, ptr %item.at
  %that.kind = load i64, ptr %child
  %that.type.at = getelementptr i8, ptr %that, i64 <type>
  %that.type = load ptr, ptr %that.type.at
  %that.is.float = icmp eq ptr %that.type, @PyFloat_Type
  %wants.number = icmp eq i64 %that.kind, <number>
  %quick = and i1 %that.is.float, %wants.number
  br i1 %quick, label %quickly, label %slowly
quickly:
  %that.content = getelementptr i8, ptr %that, i64 <content>
  %that.number = load double, ptr %that.content
  store double %that.number, ptr %to
  %to.quickly = getelementptr double, ptr %to, i64 1
  br label %taken
slowly:
  %to.slowly = call ptr @take(ptr %that, ptr %child, ptr %to)
  %failed = icmp eq ptr %to.slowly, null
  br i1 %failed, label %other, label %taken
taken:
  %to.next = phi ptr [%to.quickly, %quickly], [%to.slowly, %slowly]
  %i.next = add i64 %i, 1
  %child.next = getelementptr i8, ptr %child, i64 %stride
  br label %more
all:
  ret ptr %to

array:
  %data = call ptr @data(ptr %thing, ptr %shape)
  %no.array = icmp eq ptr %data, null
  br i1 %no.array, label %other, label %an.array
an.array:
  %bytes = shl i64 %count, 3
  call void @llvm.memcpy.p0.p0.i64(ptr %x, ptr %data, i64 %bytes, i1 false)
  %behind = getelementptr double, ptr %x, i64 %count
  ret ptr %behind

dict:
  %position = alloca i64
  %key.at = alloca ptr
  %value.at = alloca ptr
  %is.dict = icmp eq ptr %type, @PyDict_Type
  br i1 %is.dict, label %a.dict, label %other
a.dict:
  store i64 0, ptr %position
  %entries = call i64 @PyDict_Size(ptr %thing)
  %right.size = icmp eq i64 %entries, %count
  %keys = getelementptr i8, ptr %first, i64 <tuple items>
  br i1 %right.size, label %entry.more, label %other
entry.more:
  %e = phi i64 [0, %a.dict], [%e.next, %entry.taken]
  %e.to = phi ptr [%x, %a.dict], [%e.to.next, %entry.taken]
  %e.child = phi ptr [%children, %a.dict], [%e.child.next, %entry.taken]
  %there = call i32 @PyDict_Next(ptr %thing, ptr %position, ptr %key.at, ptr %value.at)
  %is.there = icmp ne i32 %there, 0
  br i1 %is.there, label %an.entry, label %entries.all
an.entry:
  %key = load ptr, ptr %key.at
  %value = load ptr, ptr %value.at
  %wanted.key.at = getelementptr ptr, ptr %keys, i64 %e
  %wanted.key = load ptr, ptr %wanted.key.at
  %right.key = icmp eq ptr %key, %wanted.key
  br i1 %right.key, label %keyed, label %other
keyed:
  %e.to.next = call ptr @take(ptr %value, ptr %e.child, ptr %e.to)
  %e.failed = icmp eq ptr %e.to.next, null
  br i1 %e.failed, label %other, label %entry.taken
entry.taken:
  %e.next = add i64 %e, 1
  %e.child.next = getelementptr i8, ptr %e.child, i64 %stride
  br label %entry.more
entries.all:
  ret ptr %e.to

done:
  ret ptr %next
other:
  ret ptr null
}

; A new array of a shape, in which anything may stand; null after an error.
define internal ptr @new(ptr %shape) {

<fields>

  %rank = trunc i64 %stride to i32
  %new.array = call ptr %second(
    ptr %first, i32 %rank, ptr %children, i32 <double>, ptr null, ptr null, i32 0, i32 0, ptr null)
  ret ptr %new.array
}

; A new thing of a shape, of the numbers at the cursor, which moves on; null after an error.
define internal ptr @give(ptr %shape, ptr %cursor) {
entry:

<fields>

  %y = load ptr, ptr %cursor
  switch i64 %kind, label %number [
    i64 <list>, label %list
    i64 <tuple>, label %tuple
    i64 <array>, label %array
    i64 <dict>, label %dict
  ]

number:
  %number.y = load double, ptr %y
  %behind.number = getelementptr double, ptr %y, i64 1
  store ptr %behind.number, ptr %cursor
  %float = call ptr @PyFloat_FromDouble(double %number.y)
  ret ptr %float

list:
  %new.list = call ptr @PyList_New(i64 %count)
  %no.list = icmp eq ptr %new.list, null
  br i1 %no.list, label %none, label %a.list
a.list:
  %items.at = getelementptr i8, ptr %new.list, i64 <list items>
  %items.of.list = load ptr, ptr %items.at
  br label %more
tuple:
  %new.tuple = call ptr @PyTuple_New(i64 %count)
  %no.tuple = icmp eq ptr %new.tuple, null
  br i1 %no.tuple, label %none, label %a.tuple
a.tuple:
  %items.of.tuple = getelementptr i8, ptr %new.tuple, i64 <tuple items>
  br label %more
more:
  %new = phi ptr [%new.list, %a.list], [%new.tuple, %a.tuple], [%new, %given]
  %items = phi ptr [%items.of.list, %a.list], [%items.of.tuple, %a.tuple], [%items, %given]
  %i = phi i64 [0, %a.list], [0, %a.tuple], [%i.next, %given]
  %child = phi ptr [%children, %a.list], [%children, %a.tuple], [%child.next, %given]
  %at.end = icmp eq i64 %i, %count
  br i1 %at.end, label %all, label %item
item:
  %that.kind = load i64, ptr %child
  %is.number = icmp eq i64 %that.kind, <number>
  br i1 %is.number, label %quickly, label %slowly
quickly:
  %that.y = load ptr, ptr %cursor
  %that.number = load double, ptr %that.y
  %that.next = getelementptr double, ptr %that.y, i64 1
  store ptr %that.next, ptr %cursor
  %that.float = call ptr @PyFloat_FromDouble(double %that.number)
  br label %made
slowly:
  %that.slowly = call ptr @give(ptr %child, ptr %cursor)
  br label %made
made:
  %that = phi ptr [%that.float, %quickly], [%that.slowly, %slowly]
  %failed = icmp eq ptr %that, null
  br i1 %failed, label %away, label %given
given:
  %item.at = getelementptr ptr, ptr %items, i64 %i
  store ptr %that, ptr %item.at
  %i.next = add i64 %i, 1
  %child.next = getelementptr i8, ptr %child, i64 %stride
  br label %more
all:
  ret ptr %new
away:
  call void @Py_DecRef(ptr %new)
  ret ptr null

array:
  %new.array = call ptr @new(ptr %shape)
  %no.array = icmp eq ptr %new.array, null
  br i1 %no.array, label %none, label %an.array
an.array:
  %data.at = getelementptr i8, ptr %new.array, i64 <data>
  %data = load ptr, ptr %data.at
  %bytes = shl i64 %count, 3
  call void @llvm.memcpy.p0.p0.i64(ptr %data, ptr %y, i64 %bytes, i1 false)
  %behind = getelementptr double, ptr %y, i64 %count
  store ptr %behind, ptr %cursor
  ret ptr %new.array

dict:
  %new.dict = call ptr @PyDict_New()
  %no.dict = icmp eq ptr %new.dict, null
  %keys = getelementptr i8, ptr %first, i64 <tuple items>
  br i1 %no.dict, label %none, label %entry.more
entry.more:
  %e = phi i64 [0, %dict], [%e.next, %entered]
  %e.child = phi ptr [%children, %dict], [%e.child.next, %entered]
  %entries.end = icmp eq i64 %e, %count
  br i1 %entries.end, label %entries.all, label %an.entry
an.entry:
  %value = call ptr @give(ptr %e.child, ptr %cursor)
  %no.value = icmp eq ptr %value, null
  br i1 %no.value, label %dict.away, label %valued
valued:
  %key.at = getelementptr ptr, ptr %keys, i64 %e
  %key = load ptr, ptr %key.at
  %status = call i32 @PyDict_SetItem(ptr %new.dict, ptr %key, ptr %value)
  call void @Py_DecRef(ptr %value)
  %refused = icmp ne i32 %status, 0
  br i1 %refused, label %dict.away, label %entered
entered:
  %e.next = add i64 %e, 1
  %e.child.next = getelementptr i8, ptr %e.child, i64 %stride
  br label %entry.more
entries.all:
  ret ptr %new.dict
dict.away:
  call void @Py_DecRef(ptr %new.dict)
  ret ptr null

none:
  ret ptr null
}

; The builtin. Where it makes objects the garbage collector may run, and with it any code, which may
; call it again: then it is busy.
define ptr @call(ptr %self, ptr %args, i64 %nargs, ptr %names) {
entry:
  %cursor = alloca ptr
  %bytes = call ptr @PyTuple_GetItem(ptr %self, i64 0)
  %plan = call ptr @PyBytes_AsString(ptr %bytes)
<plan>
  %right.number = icmp eq i64 %nargs, %arguments
  %at.work = load i64, ptr %busy
  %idle = icmp eq i64 %at.work, 0
  %unnamed = icmp eq ptr %names, null
  %plain = and i1 %right.number, %unnamed
  %begins = and i1 %plain, %idle
  br i1 %begins, label %look, label %none
look:
  %l = phi i64 [0, %entry], [%l.next, %same]
  %seen.all = icmp eq i64 %l, %looked
  br i1 %seen.all, label %begin, label %looking
looking:
  %l.first = mul i64 %l, 3
  %l.where = getelementptr ptr, ptr %looks, i64 %l.first
  %l.key = getelementptr ptr, ptr %l.where, i64 1
  %l.thing = getelementptr ptr, ptr %l.where, i64 2
  %where = load ptr, ptr %l.where
  %key = load ptr, ptr %l.key
  %thing.before = load ptr, ptr %l.thing
  %is.cell = icmp eq ptr %key, null
  br i1 %is.cell, label %in.cell, label %in.dict
in.cell:
  %cell.content = getelementptr i8, ptr %where, i64 <content>
  %of.cell = load ptr, ptr %cell.content
  br label %seen
in.dict:
  %of.dict = call ptr @PyDict_GetItem(ptr %where, ptr %key)
  br label %seen
seen:
  %thing.now = phi ptr [%of.cell, %in.cell], [%of.dict, %in.dict]
  %l.next = add i64 %l, 1
  %is.same = icmp eq ptr %thing.now, %thing.before
  br i1 %is.same, label %same, label %none
same:
  br label %look
begin:
  store i64 1, ptr %busy
  %in.place = icmp ne i64 %direct, 0
  br i1 %in.place, label %one.array, label %more
one.array:
  %only = load ptr, ptr %args
  %only.data = call ptr @data(ptr %only, ptr %shapes)
  %not.that = icmp eq ptr %only.data, null
  br i1 %not.that, label %other, label %ready
more:
  %i = phi i64 [0, %begin], [%i.next, %taken]
  %to = phi ptr [%inputs, %begin], [%to.next, %taken]
  %shape = phi ptr [%shapes, %begin], [%shape.next, %taken]
  %no.more = icmp eq i64 %i, %arguments
  br i1 %no.more, label %ready, label %argument
argument:
  %thing.at = getelementptr ptr, ptr %args, i64 %i
  %thing = load ptr, ptr %thing.at
  %to.next = call ptr @take(ptr %thing, ptr %shape, ptr %to)
  %i.next = add i64 %i, 1
  %shape.next = getelementptr i64, ptr %shape, i64 <shape words>
  %failed = icmp eq ptr %to.next, null
  br i1 %failed, label %other, label %taken
taken:
  br label %more

ready:
  %x = phi ptr [%inputs, %more], [%only.data, %one.array]
  %difference = call i32 @memcmp(ptr %inputs, ptr %sample, i64 %compared)
  %usual = icmp eq i32 %difference, 0
  br i1 %usual, label %go, label %other
go:
  call void %run(ptr %x, ptr %outputs)
  br label %check
check: ; eight outputs at a time: behind the last there are zeros
  %c = phi i64 [0, %go], [%c.next, %checking]
  %are.nan = phi <8 x i1> [zeroinitializer, %go], [%are.nan.next, %checking]
  %checked.all = icmp sge i64 %c, %checked
  br i1 %checked.all, label %all.checked, label %checking
checking:
  %c.at = getelementptr double, ptr %outputs, i64 %c
  %c.numbers = load <8 x double>, ptr %c.at, align 8
  %c.nan = fcmp uno <8 x double> %c.numbers, zeroinitializer
  %are.nan.next = or <8 x i1> %are.nan, %c.nan
  %c.next = add i64 %c, 8
  br label %check
all.checked:
  %is.nan = call i1 @llvm.vector.reduce.or.v8i1(<8 x i1> %are.nan)
  %makes.array = icmp ne i64 %new, 0
  br i1 %is.nan, label %other, label %none.is.nan
none.is.nan:
  br i1 %makes.array, label %make, label %place
make: ; where only the numbers that are not zero have to be written
  store i64 %path, ptr %last
  %new.array = call ptr @new(ptr %result)
  %no.array = icmp eq ptr %new.array, null
  br i1 %no.array, label %return, label %an.array
an.array:
  %data.at = getelementptr i8, ptr %new.array, i64 <data>
  %data = load ptr, ptr %data.at
  %result.count.at = getelementptr i64, ptr %result, i64 1
  %result.count = load i64, ptr %result.count.at
  %result.bytes = shl i64 %result.count, 3
  call void @llvm.memset.p0.i64(ptr %data, i8 0, i64 %result.bytes, i1 false)
  br label %place
place:
  %target = phi ptr [%whole, %none.is.nan], [%data, %an.array], [%target, %placing]
  %made.before = phi ptr [null, %none.is.nan], [%new.array, %an.array], [%made.before, %placing]
  %p = phi i64 [0, %none.is.nan], [0, %an.array], [%p.next, %placing]
  %placed.all = icmp eq i64 %p, %placed
  br i1 %placed.all, label %placed.are, label %placing
placed.are:
  br i1 %makes.array, label %return, label %guard
placing:
  %p.at = getelementptr double, ptr %sources, i64 %p
  %p.number = load double, ptr %p.at
  %place.at = getelementptr i64, ptr %places, i64 %p
  %p.place = load i64, ptr %place.at
  %p.to = getelementptr double, ptr %target, i64 %p.place
  store double %p.number, ptr %p.to
  %p.next = add i64 %p, 1
  br label %place
guard:
  %g = phi i64 [0, %placed.are], [%g.next, %guarding]
  %broken = phi i1 [false, %placed.are], [%broken.next, %guarding]
  %guarded.all = icmp eq i64 %g, %guards
  br i1 %guarded.all, label %all.guarded, label %guarding
guarding:
  %g.at = getelementptr double, ptr %guarded, i64 %g
  %g.number = load double, ptr %g.at
  %came = fcmp une double %g.number, 0.0
  %outcome.at = getelementptr i64, ptr %outcomes, i64 %g
  %outcome.word = load i64, ptr %outcome.at
  %outcome = trunc i64 %outcome.word to i1
  %differs = xor i1 %came, %outcome
  %broken.next = or i1 %broken, %differs
  %g.next = add i64 %g, 1
  br label %guard
all.guarded:
  br i1 %broken, label %other, label %give
give:
  store i64 %path, ptr %last
  store ptr %numbers, ptr %cursor
  %given = call ptr @give(ptr %result, ptr %cursor)
  br label %return
return:
  %made = phi ptr [null, %make], [%made.before, %placed.are], [%given, %give]
  store i64 0, ptr %busy
  ret ptr %made

other:
  store i64 0, ptr %busy
  br label %none
none:
  %otherwise = call ptr @PyTuple_GetItem(ptr %self, i64 1)
  %nothing.else = icmp eq ptr %otherwise, @None
  br i1 %nothing.else, label %nothing, label %something
something:
  %found = call ptr @PyObject_Vectorcall(ptr %otherwise, ptr %args, i64 %nargs, ptr %names)
  ret ptr %found
nothing:
  call void @Py_IncRef(ptr @None)
  ret ptr @None
}
