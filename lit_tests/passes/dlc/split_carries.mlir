// RUN: dlc-opt %s -p split-carries --split-input-file | filecheck %s

// A complex number that is carried becomes two real ones; a pair that is returned is made behind the loop.
// CHECK-LABEL: func.func private @step_2(
// CHECK-SAME:    %{{.*}}: tensor<i64>, %[[X:\w+]]: tensor<4xf32>, %[[Y:\w+]]: tensor<4xf32>, %{{.*}}: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>) {
// CHECK-NOT:     interleave
// CHECK:         %[[N:.*]] = dlc.mul %[[Y]], %{{.*}}
// CHECK-NEXT:    func.return %[[N]], %[[X]]
// CHECK:       func.func @main(
// CHECK-SAME:    %[[Z:\w+]]: tensor<4x2xf32>, %[[K:\w+]]: tensor<4xf32>)
// CHECK-DAG:     %[[A:.*]] = dlc.deinterleave %[[Z]] index 0
// CHECK-DAG:     %[[B:.*]] = dlc.deinterleave %[[Z]] index 1
// CHECK-NEXT:    %[[C:.*]], %[[D:.*]] = dlc.scan @step_2(%[[A]], %[[B]])(%[[K]])() length 8
// CHECK-NEXT:    %[[R:.*]] = dlc.interleave %[[C]], %[[D]]
// CHECK-NEXT:    func.return %[[R]]
func.func private @step(%i: tensor<i64>, %z: tensor<4x2xf32>, %k: tensor<4xf32>) -> tensor<4x2xf32> {
  %0 = dlc.deinterleave %z index 0 : tensor<4x2xf32> -> tensor<4xf32>
  %1 = dlc.deinterleave %z index 1 : tensor<4x2xf32> -> tensor<4xf32>
  %2 = dlc.mul %1, %k : tensor<4xf32>
  %3 = dlc.interleave %2, %0 : tensor<4xf32> -> tensor<4x2xf32>
  func.return %3 : tensor<4x2xf32>
}
func.func @main(%z: tensor<4x2xf32>, %k: tensor<4xf32>) -> tensor<4x2xf32> {
  %0 = dlc.scan @step(%z)(%k)() length 8 : (tensor<4x2xf32>, tensor<4xf32>) -> tensor<4x2xf32>
  func.return %0 : tensor<4x2xf32>
}

// -----

// The condition of a loop gets the parts too, and what is carried beside stays as it is.
// CHECK-LABEL: func.func private @cond_2(
// CHECK-SAME:    %[[X:\w+]]: tensor<f64>, %{{\w+}}: tensor<f64>, %{{\w+}}: tensor<i64>) -> tensor<i1> {
// CHECK:         dlc.compare lt %[[X]], %{{.*}}
// CHECK:       func.func private @body_2(
// CHECK-SAME:    %{{\w+}}: tensor<f64>, %{{\w+}}: tensor<f64>, %{{\w+}}: tensor<i64>) -> (tensor<f64>, tensor<f64>, tensor<i64>) {
// CHECK-NOT:     interleave
// CHECK:       func.func @loop(
// CHECK:         %[[A:.*]], %[[B:.*]], %[[N:.*]] = dlc.while cond @cond_2 body @body_2(
// CHECK-NEXT:    %[[R:.*]] = dlc.interleave %[[A]], %[[B]]
// CHECK-NEXT:    func.return %[[R]], %[[N]]
func.func private @cond(%z: tensor<2xf64>, %n: tensor<i64>) -> tensor<i1> {
  %0 = dlc.deinterleave %z index 0 : tensor<2xf64> -> tensor<f64>
  %1 = dlc.constant dense<9.0> : tensor<f64>
  %2 = dlc.compare lt %0, %1 : tensor<f64>
  func.return %2 : tensor<i1>
}
func.func private @body(%z: tensor<2xf64>, %n: tensor<i64>) -> (tensor<2xf64>, tensor<i64>) {
  %0 = dlc.deinterleave %z index 0 : tensor<2xf64> -> tensor<f64>
  %1 = dlc.deinterleave %z index 1 : tensor<2xf64> -> tensor<f64>
  %2 = dlc.add %0, %1 : tensor<f64>
  %3 = dlc.interleave %2, %0 : tensor<f64> -> tensor<2xf64>
  %4 = dlc.add %n, %n : tensor<i64>
  func.return %3, %4 : tensor<2xf64>, tensor<i64>
}
func.func @loop(%z: tensor<2xf64>, %n: tensor<i64>) -> (tensor<2xf64>, tensor<i64>) {
  %0, %1 = dlc.while cond @cond body @body(%z, %n)() : (tensor<2xf64>, tensor<i64>) -> (tensor<2xf64>, tensor<i64>)
  func.return %0, %1 : tensor<2xf64>, tensor<i64>
}

// -----

// Two complex numbers that take turns are split together.
// CHECK-LABEL: func.func @turns(
// CHECK:         dlc.scan @step_2({{.*}} -> (tensor<f32>, tensor<f32>, tensor<f32>, tensor<f32>)
func.func private @step(%i: tensor<i64>, %z: tensor<2xf32>, %w: tensor<2xf32>) -> (tensor<2xf32>, tensor<2xf32>) {
  %0 = dlc.deinterleave %z index 0 : tensor<2xf32> -> tensor<f32>
  %1 = dlc.deinterleave %w index 1 : tensor<2xf32> -> tensor<f32>
  %2 = dlc.interleave %0, %1 : tensor<f32> -> tensor<2xf32>
  func.return %w, %2 : tensor<2xf32>, tensor<2xf32>
}
func.func @turns(%z: tensor<2xf32>, %w: tensor<2xf32>) -> (tensor<2xf32>, tensor<2xf32>) {
  %0, %1 = dlc.scan @step(%z, %w)()() length 8 : (tensor<2xf32>, tensor<2xf32>) -> (tensor<2xf32>, tensor<2xf32>)
  func.return %0, %1 : tensor<2xf32>, tensor<2xf32>
}

// -----

// What a step transforms as a whole stays together: a Fourier transform takes pairs, and makes them.
// CHECK-LABEL: func.func @transformed(
// CHECK-NEXT:    %[[R:.*]] = dlc.scan @step(%{{.*}})()() length 8
// CHECK-NEXT:    func.return %[[R]]
func.func private @step(%i: tensor<i64>, %z: tensor<8x2xf32>) -> tensor<8x2xf32> {
  %0 = dlc.packed_fft "complex" %z dim 0 length 8 scale 1.0 : tensor<8x2xf32> -> tensor<8x2xf32>
  %1 = dlc.deinterleave %0 index 0 : tensor<8x2xf32> -> tensor<8xf32>
  %2 = dlc.exp %1 : tensor<8xf32>
  %3 = dlc.interleave %2, %1 : tensor<8xf32> -> tensor<8x2xf32>
  func.return %3 : tensor<8x2xf32>
}
func.func @transformed(%z: tensor<8x2xf32>) -> tensor<8x2xf32> {
  %0 = dlc.scan @step(%z)()() length 8 : (tensor<8x2xf32>) -> tensor<8x2xf32>
  func.return %0 : tensor<8x2xf32>
}

// -----

// So does what is stacked: a carry that is stacked lies in the stack only.
// CHECK-LABEL: func.func @stacked(
// CHECK-NEXT:    %[[R:.*]], %[[S:.*]] = dlc.scan @step(%{{.*}})()() length 8
// CHECK-NEXT:    func.return %[[R]], %[[S]]
func.func private @step(%i: tensor<i64>, %z: tensor<2xf32>) -> (tensor<2xf32>, tensor<2xf32>) {
  %0 = dlc.deinterleave %z index 0 : tensor<2xf32> -> tensor<f32>
  %1 = dlc.exp %0 : tensor<f32>
  %2 = dlc.interleave %0, %1 : tensor<f32> -> tensor<2xf32>
  func.return %2, %2 : tensor<2xf32>, tensor<2xf32>
}
func.func @stacked(%z: tensor<2xf32>) -> (tensor<2xf32>, tensor<8x2xf32>) {
  %0, %1 = dlc.scan @step(%z)()() length 8 : (tensor<2xf32>) -> (tensor<2xf32>, tensor<8x2xf32>)
  func.return %0, %1 : tensor<2xf32>, tensor<8x2xf32>
}
