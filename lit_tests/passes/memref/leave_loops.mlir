// RUN: dlc-opt %s -p leave-loops --split-input-file | filecheck %s

// Fifty steps are compared with what they started from, all carried values by their bits; how many are left is an index.
// CHECK-LABEL: func.func private @leaves(
// CHECK:         %[[T:\w+]] = arith.constant 50 : index
// CHECK:         %[[LEFT:\w+]], %[[R:\w+]], %[[N:\w+]] = scf.while (%[[G:\w+]] = %{{\w+}}, %[[P:\w+]] = %{{\w+}}, %[[Q:\w+]] = %{{\w+}}) : (index, f32, i32) -> (index, f32, i32) {
// CHECK-NEXT:      %[[E:\w+]], %[[M:\w+]] = scf.for %{{\w+}} = %{{\w+}} to %[[T]] step %{{\w+}} iter_args(%{{\w+}} = %[[P]], %{{\w+}} = %[[Q]])
// CHECK:           %[[REST:\w+]] = arith.subi %[[G]]
// CHECK-NEXT:      %[[GOES:\w+]] = arith.cmpi ne, %[[REST]]
// CHECK-NEXT:      %[[B:\w+]] = arith.bitcast %[[P]] : f32 to i32
// CHECK-NEXT:      %[[A:\w+]] = arith.bitcast %[[E]] : f32 to i32
// CHECK-NEXT:      %[[X:\w+]] = arith.xori %[[B]], %[[A]]
// CHECK-NEXT:      %[[Y:\w+]] = arith.xori %[[Q]], %[[M]]
// CHECK-NEXT:      %[[D:\w+]] = arith.ori %[[X]], %[[Y]]
// CHECK-NEXT:      %[[C:\w+]] = arith.cmpi ne, %[[D]]
// CHECK-NEXT:      %[[GO:\w+]] = arith.andi %[[GOES]], %[[C]]
// CHECK-NEXT:      scf.condition(%[[GO]]) %[[REST]], %[[E]], %[[M]]
// CHECK:         linalg.yield %[[R]], %[[N]]
func.func private @leaves(%x: memref<8xf32>, %out: memref<8xf32>, %count: memref<8xi32>) attributes {rt.tile = array<i64: 8>} {
  linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]}
      ins(%x : memref<8xf32>) outs(%out, %count : memref<8xf32>, memref<8xi32>) {
  ^bb0(%a: f32, %b: f32, %c: i32):
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c400 = arith.constant 400 : index
    %zero = arith.constant 0 : i32
    %one = arith.constant 1 : i32
    %r, %n = scf.for %i = %c0 to %c400 step %c1 iter_args(%p = %a, %q = %zero) -> (f32, i32) {
      %s = arith.mulf %p, %p : f32
      %m = arith.addi %q, %one : i32
      scf.yield %s, %m : f32, i32
    }
    linalg.yield %r, %n : f32, i32
  }
  func.return
}

// -----

// A number of steps without a divisor leaves some for a loop in front.
// CHECK-LABEL: func.func private @prime(
// CHECK:         %[[T:\w+]] = arith.constant 96 : index
// CHECK-NEXT:    %[[REST:\w+]] = arith.constant 17 : index
// CHECK-NEXT:    %[[F:\w+]] = scf.for %{{\w+}} = %{{\w+}} to %[[REST]] step
// CHECK:         %[[GROUPS:\w+]] = arith.constant 4 : index
// CHECK-NEXT:    scf.while (%{{\w+}} = %[[GROUPS]], %{{\w+}} = %[[F]])
// CHECK-NEXT:      scf.for %{{\w+}} = %{{\w+}} to %[[T]] step
func.func private @prime(%x: memref<8xf32>, %out: memref<8xf32>) attributes {rt.tile = array<i64: 8>} {
  linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]}
      ins(%x : memref<8xf32>) outs(%out : memref<8xf32>) {
  ^bb0(%a: f32, %b: f32):
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c401 = arith.constant 401 : index
    %r = scf.for %i = %c0 to %c401 step %c1 iter_args(%p = %a) -> (f32) {
      %s = arith.mulf %p, %p : f32
      scf.yield %s : f32
    }
    linalg.yield %r : f32
  }
  func.return
}

// -----

// A step that asks for its number may change something later on.
// CHECK-LABEL: func.func private @numbered(
// CHECK-NOT:     scf.while
func.func private @numbered(%x: memref<8xindex>, %out: memref<8xindex>) attributes {rt.tile = array<i64: 8>} {
  linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]}
      ins(%x : memref<8xindex>) outs(%out : memref<8xindex>) {
  ^bb0(%a: index, %b: index):
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c400 = arith.constant 400 : index
    %r = scf.for %i = %c0 to %c400 step %c1 iter_args(%p = %a) -> (index) {
      %s = arith.ori %p, %i : index
      scf.yield %s : index
    }
    linalg.yield %r : index
  }
  func.return
}

// -----

// Few steps are taken without asking, and so are long ones.
// CHECK-LABEL: func.func private @few_or_long(
// CHECK-NOT:     scf.while
func.func private @few_or_long(%x: memref<8xf32>, %out: memref<8xf32>) attributes {rt.tile = array<i64: 8>} {
  linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]}
      ins(%x : memref<8xf32>) outs(%out : memref<8xf32>) {
  ^bb0(%a: f32, %b: f32):
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c16 = arith.constant 16 : index
    %c400 = arith.constant 400 : index
    %r = scf.for %i = %c0 to %c16 step %c1 iter_args(%p = %a) -> (f32) {
      %s = arith.mulf %p, %p : f32
      scf.yield %s : f32
    }
    %t = scf.for %i = %c0 to %c400 step %c1 iter_args(%p = %r) -> (f32) {
      %s = math.exp %p : f32
      %u = math.sin %s : f32
      scf.yield %u : f32
    }
    linalg.yield %t : f32
  }
  func.return
}
